// A bias-free GPT-2 on one pass of windows: forward, and back to the gradients of its weights.

#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "layers.h"
#include "passes.h"

namespace {

struct Shape {
    long layers, heads, width, inner, vocabulary;
};

// Weights, and gradients, to which is added: wte, wpe, of each layer ln_1, c_attn, attn.c_proj, ln_2, c_fc,
// mlp.c_proj, then ln_f and the head, which may be wte again, in the layout of GPT2LMHeadModel. No gradients given: none
// are taken.
struct Parameters {
    const float* const* weights;
    float* const* gradients;

    float* gradient(long i) const { return gradients ? gradients[i] : nullptr; }
    Linear linear(long inputs, long outputs, long i) const {
        return Linear(inputs, outputs, {weights[i], outputs, 1}, gradient(i), nullptr, nullptr);
    }
    Linear normed(long inputs, long outputs, long i) const {  // by the gain before it
        return Linear(inputs, outputs, {weights[i], outputs, 1}, gradient(i), weights[i - 1], gradient(i - 1));
    }
};

struct Layer {
    Linear attention, projection, up, down;
    Activations normalised, qkv, probabilities, mixed, normalised_again, inner, slope;
    Lanes *scale, *scale_again;
};

class Model {
  public:
    Model(Shape shape, Parameters parameters) : shape(shape), parameters(parameters), unembed(unembedding()) {
        for (long l = 0; l < shape.layers; l++) {
            const long first = 2 + 6 * l;
            layers.push_back({parameters.normed(shape.width, 3 * shape.width, first + 1),
                              parameters.linear(shape.width, shape.width, first + 2),
                              parameters.normed(shape.width, shape.inner, first + 4),
                              parameters.linear(shape.inner, shape.width, first + 5)});
        }
    }

    // Divides the memory among the activations of one pass.
    void lay_out(const Passes& pass) {
        columns = pass.columns.size();
        longest = pass.groups[0].positions;
        long used = 0;
        memory.resize(std::max<long>(memory.size(), columns * rows_in_all()));
        auto rows = [&](long count) {
            used += count * columns;
            return Activations{memory.data() + used - count * columns, columns, 1};
        };
        const long width = shape.width, squares = shape.heads * longest, most = std::max(3 * width, shape.inner);
        for (Layer& layer : layers) {
            layer.normalised = rows(width), layer.qkv = rows(3 * width), layer.probabilities = rows(squares);
            layer.mixed = rows(width), layer.normalised_again = rows(width), layer.inner = rows(shape.inner);
            layer.slope = rows(shape.inner), layer.scale = rows(1).at, layer.scale_again = rows(1).at;
        }
        x = rows(width), normalised = rows(width), logits = rows(shape.vocabulary), scale = rows(1).at;
        upstream = rows(most), below = rows(most), dp = rows(squares);
    }

    // Leaves in `logits` what they are.
    void forward(const Passes& pass) {
        embed(pass);
        for (Layer& layer : layers) {
            normalise(x, layer.normalised, layer.scale, shape.width, columns);
            layer.attention.forward(layer.normalised, layer.qkv, columns);
            each_head(pass, [&](long feature, long square, long column, long positions) {
                const Activations q = layer.qkv.from(feature, column);
                attend(q, q.from(shape.width, 0), q.from(2 * shape.width, 0), layer.probabilities.from(square, column),
                       layer.mixed.from(feature, column), shape.width / shape.heads, positions);
            });
            layer.projection.forward(layer.mixed, x, columns, true);
            normalise(x, layer.normalised_again, layer.scale_again, shape.width, columns);
            layer.up.forward(layer.normalised_again, layer.inner, columns);
            for (long i = 0; i < shape.inner * columns; i++) {  // GELU, and its derivative
                const Lanes value = layer.inner.at[i];
                Lanes distribution, density;
                normal(value, distribution, density);
                layer.inner.at[i] = value * distribution;
                layer.slope.at[i] = distribution + value * density;
            }
            layer.down.forward(layer.inner, x, columns, true);
        }
        normalise(x, normalised, scale, shape.width, columns);
        unembed.forward(normalised, logits, columns);
    }

    // The most probable next token at each position of each window, windows one after another.
    void predict(const Passes& pass, long block, int64_t* predicted) const {
        for (long j = 0; j < columns; j++) {
            Lanes largest = logits(0, j);
            for (long v = 1; v < shape.vocabulary; v++) largest = larger(logits(v, j), largest);
            Integers best{};
            for (long v = shape.vocabulary - 1; v >= 0; v--)
                best = logits(v, j) == largest ? Integers{} + int32_t(v) : best;
            for (long lane = 0; lane < LANES; lane++) {
                const long window = pass.window(pass.columns[j].first, lane);
                if (window >= 0) predicted[window * block + pass.columns[j].position] = best[lane];
            }
        }
    }

    // Adds to the loss; what it leaves in `logits` is their gradient.
    void add_loss(const Passes& pass, double& loss) {
        for (long j = 0; j < columns; j++) {
            const Integers& target = pass.columns[j].target;
            const Lanes& share = pass.columns[j].share;
            Lanes largest = logits(0, j), sum{};
            for (long v = 1; v < shape.vocabulary; v++) largest = larger(logits(v, j), largest);
            for (long lane = 0; lane < LANES; lane++)
                loss += share[lane] * (largest[lane] - logits(target[lane], j)[lane]);
            for (long v = 0; v < shape.vocabulary; v++) sum += logits(v, j) = exponential(logits(v, j) - largest);
            const Lanes factor = share / sum;
            for (long v = 0; v < shape.vocabulary; v++) logits(v, j) *= factor;
            for (long lane = 0; lane < LANES; lane++) {
                loss += share[lane] * std::log(sum[lane]);
                logits(target[lane], j)[lane] -= share[lane];
            }
        }
    }

    void backward(const Passes& pass) {
        const Activations dx = x;
        unembed.backward(normalised, logits, below, columns);
        std::fill(dx.at, dx.at + shape.width * columns, Lanes{});
        normalise_back(below, normalised, scale, dx, shape.width, columns);
        for (long l = shape.layers - 1; l >= 0; l--) {
            Layer& layer = layers[l];
            layer.down.backward(layer.inner, dx, below, columns);
            for (long i = 0; i < shape.inner * columns; i++) upstream.at[i] = below.at[i] * layer.slope.at[i];
            layer.up.backward(layer.normalised_again, upstream, below, columns);
            normalise_back(below, layer.normalised_again, layer.scale_again, dx, shape.width, columns);
            layer.projection.backward(layer.mixed, dx, below, columns);
            each_head(pass, [&](long feature, long square, long column, long positions) {
                const Activations q = layer.qkv.from(feature, column), dq = upstream.from(feature, column);
                attend_back(q, q.from(shape.width, 0), q.from(2 * shape.width, 0),
                            layer.probabilities.from(square, column), below.from(feature, column), dq,
                            dq.from(shape.width, 0), dq.from(2 * shape.width, 0), dp.from(square, column),
                            shape.width / shape.heads, positions);
            });
            layer.attention.backward(layer.normalised, upstream, below, columns);
            normalise_back(below, layer.normalised, layer.scale, dx, shape.width, columns);
        }
        embed_back(pass, dx);
    }

    void unfold() const {
        for (const Layer& layer : layers)
            for (const Linear* part : {&layer.attention, &layer.projection, &layer.up, &layer.down}) part->unfold();
        unembed.unfold();
    }

  private:
    Shape shape;
    Parameters parameters;
    Linear unembed;
    std::vector<Layer> layers;
    long columns = 0, longest = 0;
    Activations x, normalised, logits, upstream, below, dp;
    Lanes* scale = nullptr;
    static thread_local std::vector<Lanes> memory;

    Linear unembedding() const {
        const long gain = 2 + 6 * shape.layers, head = gain + 1;
        return Linear(shape.width, shape.vocabulary, {parameters.weights[head], 1, shape.width},
                      parameters.gradient(head), parameters.weights[gain], parameters.gradient(gain));
    }

    long rows_in_all() const {
        const long width = shape.width, squares = shape.heads * longest;
        return shape.layers * (6 * width + squares + 2 * shape.inner + 2) + 2 * width + shape.vocabulary + 1 +
               2 * std::max(3 * width, shape.inner) + squares;
    }

    template <class Work>
    void each_head(const Passes& pass, Work work) const {
        for (long h = 0; h < shape.heads; h++)
            for (const Group& group : pass.groups)
                work(h * (shape.width / shape.heads), h * longest, group.column, group.positions);
    }

    void embed(const Passes& pass) {
        const long width = shape.width;
        for (long j = 0; j < columns; j++)
            for (long lane = 0; lane < LANES; lane++) {
                const float* token = parameters.weights[0] + pass.columns[j].input[lane] * width;
                const float* position = parameters.weights[1] + pass.columns[j].place[lane] * width;
                float* to = (float*)&x(0, j) + lane;
                for (long i = 0; i < width; i++) to[i * columns * LANES] = token[i] + position[i];
            }
    }

    void embed_back(const Passes& pass, Activations dx) const {
        const long width = shape.width;
        for (long j = 0; j < columns; j++)
            for (long lane = 0; lane < LANES; lane++) {
                float* token = parameters.gradients[0] + pass.columns[j].input[lane] * width;
                float* position = parameters.gradients[1] + pass.columns[j].place[lane] * width;
                const float* from = (const float*)&dx(0, j) + lane;
                for (long i = 0; i < width; i++) {
                    token[i] += from[i * columns * LANES];
                    position[i] += from[i * columns * LANES];
                }
            }
    }
};

thread_local std::vector<Lanes> Model::memory;

}  // namespace
