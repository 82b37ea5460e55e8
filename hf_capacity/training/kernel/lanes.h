// Vectors of as many numbers as the processor takes at once, one of each of as many windows that lie side by side.

#pragma once

#include <cstdint>
#include <utility>

namespace {

// Wider vectors than the processor's would be taken apart through memory: where eight numbers are taken at once, sixteen
// lanes cost twelve times as much as eight. Beside them the tiles whose sums fill the registers, 32 or 16 of them.
#if defined(__AVX512F__)
constexpr long LANES = 16;
constexpr int TILE_ROWS = 7, TILE_COLUMNS = 3, GRADIENT_COLUMNS = 4;  // dividing the widths of the paper's ladder
#elif defined(__AVX__)
constexpr long LANES = 8;
constexpr int TILE_ROWS = 6, TILE_COLUMNS = 2, GRADIENT_COLUMNS = 2;
#elif defined(__SSE2__)
constexpr long LANES = 4;
constexpr int TILE_ROWS = 6, TILE_COLUMNS = 2, GRADIENT_COLUMNS = 2;
#else  // NEON
constexpr long LANES = 4;
constexpr int TILE_ROWS = 7, TILE_COLUMNS = 3, GRADIENT_COLUMNS = 4;
#endif
using Lanes = float __attribute__((vector_size(4 * LANES)));
using Integers = int32_t __attribute__((vector_size(4 * LANES)));

Lanes larger(Lanes a, Lanes b) { return a > b ? a : b; }

// e^x = 2^n e^r with |r| <= ln(2) / 2; Taylor's polynomial to r^7 errs by less than half a unit in the last place there.
Lanes exponential(Lanes x) {
    x = x < -87.0f ? Lanes{} - 87.0f : x;  // this way round, what is no number stays so
    const Lanes shifted = x * 1.44269504f + 12582912.0f;  // adding 1.5 * 2^23 rounds, and leaves n in the low bits
    const Lanes n = shifted - 12582912.0f;
    const Lanes r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    Lanes power = r * (1.0f / 5040) + 1.0f / 720;
    power = power * r + 1.0f / 120;
    power = power * r + 1.0f / 24;
    power = power * r + 1.0f / 6;
    power = power * r + 0.5f;
    power = power * r + 1.0f;
    power = power * r + 1.0f;
    return (Lanes)((Integers)power + ((Integers)shifted << 23));
}

// The normal distribution function and its density at x. Abramowitz & Stegun 7.1.26: |error| < 1.5e-7.
void normal(Lanes x, Lanes& distribution, Lanes& density) {
    const Lanes magnitude = (x < 0.0f ? -x : x) * 0.70710678f;
    const Lanes bell = exponential(-magnitude * magnitude);
    const Lanes t = 1.0f / (1.0f + 0.3275911f * magnitude);
    Lanes tail = t * 1.061405429f - 1.453152027f;
    tail = tail * t + 1.421413741f;
    tail = tail * t - 0.284496736f;
    tail = tail * t + 0.254829592f;
    tail = 0.5f * tail * t * bell;
    distribution = x < 0.0f ? tail : 1.0f - tail;
    density = bell * 0.39894228f;
}

template <int... I>
Lanes pairs(Lanes a, Lanes b, std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(a, b, 2 * I...) + __builtin_shufflevector(a, b, 2 * I + 1 ...);
}

// The sums of neighbouring lanes, those of `a` before those of `b`.
Lanes pairs(Lanes a, Lanes b) { return pairs(a, b, std::make_integer_sequence<int, LANES>{}); }

// The sum of each of as many vectors as there are lanes, which are overwritten.
Lanes totals(Lanes* x) {
    for (long count = LANES; count > 1; count /= 2)
        for (long i = 0; i < count; i += 2) x[i / 2] = pairs(x[i], x[i + 1]);
    return x[0];
}

}  // namespace
