// The loss of a bias-free GPT-2 over windows of tokens, and its gradients.
//
// A narrow model on short windows has no operation that is wide enough for a processor's vectors, so windows lie side
// by side in the lanes instead, and every operation is one on whole vectors. A few windows at a time go through the
// model and back while their activations are in the cache; nothing as large as the batch is ever written.

#include "model.h"

// The mean cross-entropy over every target of every window.
//
// Windows hold block + 1 tokens, or fewer and then numbers below 0; each is counted `repeats` times, or once, and begins
// at the model's position `offsets`, or at the first.
// targets, if given: what is to be predicted after each of a window's first `block` tokens, and numbers below 0 where
// nothing is; the next token of each if not.
// predicted, if given: the most probable next token after each of a window's first `block`, windows one after another.
extern "C" double window_loss(long layers, long heads, long width, long inner, long vocabulary, long block,
                              const float* const* weights, float* const* gradients, const int64_t* tokens,
                              const int64_t* targets, const int64_t* repeats, const int64_t* offsets,
                              int64_t* predicted, long windows) {
    Model model({layers, heads, width, inner, vocabulary}, {weights, gradients});
    Passes passes({tokens, targets, repeats, offsets, windows, block}, predicted);
    double loss = 0;
    while (passes.next()) {
        model.lay_out(passes);
        model.forward(passes);
        if (predicted) model.predict(passes, block, predicted);
        model.add_loss(passes, loss);
        if (gradients) model.backward(passes);
    }
    if (gradients) model.unfold();
    return loss;
}
