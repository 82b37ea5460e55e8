// The loss of a bias-free GPT-2 over windows of tokens, and its gradients.
//
// A narrow model on short windows has no operation that is wide enough for a processor's vectors, so windows lie side
// by side in the lanes instead, and every operation is one on whole vectors. A few windows at a time go through the
// model and back while their activations are in the cache; nothing as large as the batch is ever written.

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

struct Layer {
    Linear attention, projection, up, down;
    Activations normalised, qkv, probabilities, mixed, normalised_again, inner, slope;
    Lanes *scale, *scale_again;
};

// Behind a line that is shorter than its window there are no tokens, but numbers below 0.
bool is_token(int64_t id) { return id >= 0; }

}  // namespace

// The mean cross-entropy over every target of every window, a window counted `repeats` times (none given: once).
//
// weights, and gradients, to which is added: wte, wpe, of each layer ln_1, c_attn, attn.c_proj, ln_2, c_fc,
// mlp.c_proj, then ln_f, in the layout of GPT2LMHeadModel. No gradients given: none are taken.
// tokens: windows of block + 1 tokens, or of fewer and then numbers below 0, one after another.
// offsets, if given: at which of the model's positions each window begins.
// predicted, if given: the most probable next token after each of a window's first `block`, windows one after another.
extern "C" double window_loss(long layers, long heads, long width, long inner, long vocabulary, long block,
                              const float* const* weights, float* const* gradients, const int64_t* tokens,
                              const int64_t* repeats, const int64_t* offsets, int64_t* predicted, long windows) {
    const long groups = (24 + block - 1) / block, columns = groups * block;  // enough columns for whole tiles
    const long head = width / heads;

    static thread_local std::vector<Lanes> memory;
    long used = 0;
    memory.resize(columns * (layers * (6 * width + heads * block + 2 * inner + 2) + 2 * width + vocabulary + 1 +
                             2 * std::max(3 * width, inner) + heads * block));
    auto rows = [&](long count) {
        used += count * columns;
        return Activations{memory.data() + used - count * columns, columns, 1};
    };
    auto gradient = [&](long i) { return gradients ? gradients[i] : nullptr; };
    auto linear = [&](long inputs, long outputs, long i, bool normed) {
        return Linear(inputs, outputs, {weights[i], outputs, 1}, gradient(i), normed ? weights[i - 1] : nullptr,
                      normed ? gradient(i - 1) : nullptr);
    };
    std::vector<Layer> model;
    for (long l = 0; l < layers; l++) {
        const long first = 2 + 6 * l;
        model.push_back({linear(width, 3 * width, first + 1, true), linear(width, width, first + 2, false),
                         linear(width, inner, first + 4, true), linear(inner, width, first + 5, false),
                         rows(width), rows(3 * width), rows(heads * block), rows(width), rows(width), rows(inner),
                         rows(inner), rows(1).at, rows(1).at});
    }
    const float *wte = weights[0], *wpe = weights[1];
    const long last = 2 + 6 * layers;
    Linear unembed(width, vocabulary, {wte, 1, width}, gradient(0), weights[last], gradient(last));
    const Activations x = rows(width), dx = x, normalised = rows(width), logits = rows(vocabulary);
    const Activations upstream = rows(std::max(3 * width, inner)), below = rows(std::max(3 * width, inner));
    const Activations dp = rows(heads * block);
    Lanes* scale = rows(1).at;
    auto each_head = [&](auto work) {
        for (long h = 0; h < heads; h++)
            for (long g = 0; g < groups; g++) work(h * head, h * block, g * block);
    };

    double loss = 0, positions = 0;
    for (long w = 0; w < windows; w++) {
        const int64_t* targets = tokens + w * (block + 1) + 1;
        positions += double(repeats ? repeats[w] : 1) * std::count_if(targets, targets + block, is_token);
    }
    std::vector<Integers> input(columns), place(columns), target(columns);
    std::vector<Lanes> share(columns);
    for (long first = 0; first < windows; first += groups * LANES) {
        for (long j = 0; j < columns; j++)
            for (long lane = 0; lane < LANES; lane++) {
                const long window = first + j / block * LANES + lane, here = std::min(window, windows - 1);
                const int64_t* pair = tokens + here * (block + 1) + j % block;
                input[j][lane] = std::max<int64_t>(pair[0], 0);
                target[j][lane] = std::max<int64_t>(pair[1], 0);
                // Where nothing is to be predicted, a position past the last one might be meant.
                place[j][lane] = j % block + (offsets && is_token(pair[1]) ? offsets[here] : 0);
                const bool counts = window < windows && is_token(pair[1]);
                share[j][lane] = counts ? (repeats ? repeats[window] : 1) / positions : 0;
            }

        for (long j = 0; j < columns; j++)
            for (long lane = 0; lane < LANES; lane++) {
                const float *token = wte + input[j][lane] * width, *position = wpe + place[j][lane] * width;
                float* to = (float*)&x(0, j) + lane;
                for (long i = 0; i < width; i++) to[i * columns * LANES] = token[i] + position[i];
            }
        for (Layer& layer : model) {
            normalise(x, layer.normalised, layer.scale, width, columns);
            layer.attention.forward(layer.normalised, layer.qkv, columns);
            each_head([&](long feature, long square, long column) {
                const Activations q = layer.qkv.from(feature, column);
                attend(q, q.from(width, 0), q.from(2 * width, 0), layer.probabilities.from(square, column),
                       layer.mixed.from(feature, column), head, block);
            });
            layer.projection.forward(layer.mixed, x, columns, true);
            normalise(x, layer.normalised_again, layer.scale_again, width, columns);
            layer.up.forward(layer.normalised_again, layer.inner, columns);
            for (long i = 0; i < inner * columns; i++) {  // GELU, and its derivative
                const Lanes value = layer.inner.at[i];
                Lanes distribution, density;
                normal(value, distribution, density);
                layer.inner.at[i] = value * distribution;
                layer.slope.at[i] = distribution + value * density;
            }
            layer.down.forward(layer.inner, x, columns, true);
        }
        normalise(x, normalised, scale, width, columns);
        unembed.forward(normalised, logits, columns);
        for (long j = 0; j < columns; j++) {  // the loss; what is left in `logits` is their gradient
            Lanes largest = logits(0, j), sum{};
            for (long v = 1; v < vocabulary; v++) largest = larger(logits(v, j), largest);
            for (long lane = 0; lane < LANES; lane++)
                loss += share[j][lane] * (largest[lane] - logits(target[j][lane], j)[lane]);
            if (predicted) {
                Integers best{};
                for (long v = vocabulary - 1; v >= 0; v--) best = logits(v, j) == largest ? Integers{} + int32_t(v) : best;
                for (long lane = 0; lane < LANES; lane++) {
                    const long window = first + j / block * LANES + lane;
                    if (window < windows) predicted[window * block + j % block] = best[lane];
                }
            }
            for (long v = 0; v < vocabulary; v++) sum += logits(v, j) = exponential(logits(v, j) - largest);
            const Lanes factor = share[j] / sum;
            for (long v = 0; v < vocabulary; v++) logits(v, j) *= factor;
            for (long lane = 0; lane < LANES; lane++) {
                loss += share[j][lane] * std::log(sum[lane]);
                logits(target[j][lane], j)[lane] -= share[j][lane];
            }
        }
        if (!gradients) continue;

        unembed.backward(normalised, logits, below, columns);
        std::fill(dx.at, dx.at + width * columns, Lanes{});
        normalise_back(below, normalised, scale, dx, width, columns);
        for (long l = layers - 1; l >= 0; l--) {
            Layer& layer = model[l];
            layer.down.backward(layer.inner, dx, below, columns);
            for (long i = 0; i < inner * columns; i++) upstream.at[i] = below.at[i] * layer.slope.at[i];
            layer.up.backward(layer.normalised_again, upstream, below, columns);
            normalise_back(below, layer.normalised_again, layer.scale_again, dx, width, columns);
            layer.projection.backward(layer.mixed, dx, below, columns);
            each_head([&](long feature, long square, long column) {
                const Activations q = layer.qkv.from(feature, column), dq = upstream.from(feature, column);
                attend_back(q, q.from(width, 0), q.from(2 * width, 0), layer.probabilities.from(square, column),
                            below.from(feature, column), dq, dq.from(width, 0), dq.from(2 * width, 0),
                            dp.from(square, column), head, block);
            });
            layer.attention.backward(layer.normalised, upstream, below, columns);
            normalise_back(below, layer.normalised, layer.scale, dx, width, columns);
        }
        for (long j = 0; j < columns; j++)
            for (long lane = 0; lane < LANES; lane++) {
                float *token = gradients[0] + input[j][lane] * width, *position = gradients[1] + place[j][lane] * width;
                const float* from = (const float*)&dx(0, j) + lane;
                for (long i = 0; i < width; i++) {
                    token[i] += from[i * columns * LANES];
                    position[i] += from[i * columns * LANES];
                }
            }
    }
    if (gradients) {
        for (const Layer& layer : model)
            for (const Linear* part : {&layer.attention, &layer.projection, &layer.up, &layer.down}) part->unfold();
        unembed.unfold();
    }
    return loss;
}
