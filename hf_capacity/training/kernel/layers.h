// What a layer does to activations, and the way back: products with weights, layer norm, causal attention.

#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "products.h"

namespace {

// out = W^T x for a matrix of (inputs, outputs) which takes in the gain of the layer norm before it, if there is one.
struct Linear {
    long inputs, outputs;
    Weights plain;
    Matrix<float> plain_gradient;
    const float* gain;
    float* gain_gradient;
    std::vector<float> folded, folded_gradient;

    Linear(long inputs, long outputs, Weights plain, float* gradient, const float* gain, float* gain_gradient)
        : inputs(inputs), outputs(outputs), plain(plain), plain_gradient{gradient, plain.row, plain.column},
          gain(gain), gain_gradient(gain_gradient), folded(inputs * outputs), folded_gradient(inputs * outputs) {
        for (long i = 0; i < inputs; i++)
            for (long o = 0; o < outputs; o++) folded[i * outputs + o] = plain(i, o) * (gain ? gain[i] : 1);
    }
    void forward(Activations x, Activations out, long columns, bool add = false) const {
        multiply(Weights{folded.data(), 1, outputs}, x, out, outputs, columns, inputs, add);
    }
    void backward(Activations x, Activations upstream, Activations gradient, long columns) {
        accumulate(x, upstream, {folded_gradient.data(), outputs, 1}, inputs, outputs, columns);
        multiply(Weights{folded.data(), outputs, 1}, upstream, gradient, inputs, columns, outputs);
    }
    void unfold() const {
        for (long i = 0; i < inputs; i++)
            for (long o = 0; o < outputs; o++) {
                const float gradient = folded_gradient[i * outputs + o];
                plain_gradient(i, o) += gradient * (gain ? gain[i] : 1);
                if (gain) gain_gradient[i] += gradient * plain(i, o);
            }
    }
};

// Layer norm without its gain; keeps 1 / standard deviation in `scale`.
void normalise(Activations x, Activations out, Lanes* scale, long width, long columns) {
    for (long j = 0; j < columns; j++) {
        Lanes mean{}, variance{};
        for (long i = 0; i < width; i++) mean += x(i, j);
        mean /= float(width);
        for (long i = 0; i < width; i++) variance += (x(i, j) - mean) * (x(i, j) - mean);
        variance = variance / float(width) + 1e-5f;
        for (long lane = 0; lane < LANES; lane++) scale[j][lane] = 1 / std::sqrt(variance[lane]);
        for (long i = 0; i < width; i++) out(i, j) = (x(i, j) - mean) * scale[j];
    }
}

// Adds to `gradient`, the input's, what comes of `upstream`, the gradient of what was normalised.
void normalise_back(Activations upstream, Activations normalised, const Lanes* scale, Activations gradient, long width,
                    long columns) {
    for (long j = 0; j < columns; j++) {
        Lanes mean{}, along{};
        for (long i = 0; i < width; i++) {
            mean += upstream(i, j);
            along += upstream(i, j) * normalised(i, j);
        }
        mean /= float(width);
        along /= float(width);
        for (long i = 0; i < width; i++)
            gradient(i, j) += scale[j] * (upstream(i, j) - mean - normalised(i, j) * along);
    }
}

// Causal attention takes positions in steps of six along the diagonal: less is multiplied that is not needed.
template <class Work>
void in_steps(long positions, Work work) {
    for (long first = 0; first < positions; first += 6) work(first, std::min(6L, positions - first));
}

// One head in one group of windows; row t of `p` has the probabilities with which position t looks at each other one.
void attend(Activations q, Activations k, Activations v, Activations p, Activations out, long width, long positions) {
    in_steps(positions, [&](long t, long count) {
        multiply(q.turned().from(t, 0), k, p.from(t, 0), count, t + count, width);
    });
    const float temperature = 1 / std::sqrt(float(width));
    for (long t = 0; t < positions; t++) {
        Lanes largest = p(t, 0), sum{};
        for (long s = 1; s <= t; s++) largest = larger(p(t, s), largest);
        for (long s = 0; s <= t; s++) sum += p(t, s) = exponential((p(t, s) - largest) * temperature);
        for (long s = 0; s <= t; s++) p(t, s) /= sum;
        for (long s = t + 1; s < positions; s++) p(t, s) = Lanes{};
    }
    in_steps(positions, [&](long t, long count) {
        multiply(v, p.turned().from(0, t), out.from(0, t), width, count, t + count);
    });
}

// `dp` is room for the gradient of `p`.
void attend_back(Activations q, Activations k, Activations v, Activations p, Activations upstream, Activations dq,
                 Activations dk, Activations dv, Activations dp, long width, long positions) {
    in_steps(positions, [&](long t, long count) {
        multiply(upstream.turned().from(t, 0), v, dp.from(t, 0), count, t + count, width);
        multiply(upstream.from(0, t), p.from(t, t), dv.from(0, t), width, count, positions - t);
    });
    const float temperature = 1 / std::sqrt(float(width));
    for (long t = 0; t < positions; t++) {
        Lanes mean{};
        for (long s = 0; s <= t; s++) mean += p(t, s) * dp(t, s);
        for (long s = 0; s <= t; s++) dp(t, s) = p(t, s) * (dp(t, s) - mean) * temperature;
        for (long s = t + 1; s < positions; s++) dp(t, s) = Lanes{};
    }
    in_steps(positions, [&](long t, long count) {
        multiply(k, dp.turned().from(0, t), dq.from(0, t), width, count, t + count);
        multiply(q.from(0, t), dp.from(t, t), dk.from(0, t), width, count, positions - t);
    });
}

}  // namespace
