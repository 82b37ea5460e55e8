// Products of matrices, in tiles whose sums stay in the registers.

#pragma once

#include <algorithm>

#include "lanes.h"

namespace {

// A view by two strides. Of activations, a row is a feature and a column a position, in each of the windows side by side.
template <class Number>
struct Matrix {
    Number* at;
    long row, column;
    Number& operator()(long i, long j) const { return at[i * row + j * column]; }
    Matrix from(long i, long j) const { return {at + i * row + j * column, row, column}; }
    Matrix turned() const { return {at, column, row}; }
};
using Activations = Matrix<Lanes>;
using Weights = Matrix<const float>;

template <int ROWS, int COLUMNS, class Left>
void multiply_tile(Left left, Activations right, Activations out, long depth, bool add) {
    Lanes sums[ROWS][COLUMNS] = {};
    for (long k = 0; k < depth; k++)
#pragma GCC unroll 8
        for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 8
            for (int j = 0; j < COLUMNS; j++) sums[i][j] += left(i, k) * right(k, j);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) out(i, j) = add ? out(i, j) + sums[i][j] : sums[i][j];
}

template <int ROWS, class Left>
void multiply_rows(Left left, Activations right, Activations out, long columns, long depth, bool add) {
    long j = 0;
    for (; j + TILE_COLUMNS <= columns; j += TILE_COLUMNS)
        multiply_tile<ROWS, TILE_COLUMNS>(left, right.from(0, j), out.from(0, j), depth, add);
    for (; j < columns; j++) multiply_tile<ROWS, 1>(left, right.from(0, j), out.from(0, j), depth, add);
}

// out = left * right, or added to it: weights times activations, or activations times activations lane by lane.
template <class Left>
void multiply(Left left, Activations right, Activations out, long rows, long columns, long depth, bool add = false) {
    long i = 0;
    for (; i + TILE_ROWS <= rows; i += TILE_ROWS)
        multiply_rows<TILE_ROWS>(left.from(i, 0), right, out.from(i, 0), columns, depth, add);
    for (; i + 3 <= rows; i += 3) multiply_rows<3>(left.from(i, 0), right, out.from(i, 0), columns, depth, add);
    for (; i < rows; i++) multiply_rows<1>(left.from(i, 0), right, out.from(i, 0), columns, depth, add);
}

template <int ROWS, int COLUMNS>
void accumulate_tile(Activations left, Activations right, Matrix<float> out, long depth) {
    constexpr long number = ROWS * COLUMNS, whole = (number + LANES - 1) / LANES * LANES;
    Lanes sums[whole] = {};
    for (long k = 0; k < depth; k++)
#pragma GCC unroll 8
        for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 8
            for (int j = 0; j < COLUMNS; j++) sums[i * COLUMNS + j] += left(i, k) * right(j, k);
    for (long first = 0; first < number; first += LANES) {
        const Lanes sum = totals(sums + first);
        for (long place = first; place < std::min(number, first + LANES); place++)
            out(place / COLUMNS, place % COLUMNS) += sum[place - first];
    }
}

template <int ROWS>
void accumulate_rows(Activations left, Activations right, Matrix<float> out, long columns, long depth) {
    long j = 0;
    for (; j + GRADIENT_COLUMNS <= columns; j += GRADIENT_COLUMNS)
        accumulate_tile<ROWS, GRADIENT_COLUMNS>(left, right.from(j, 0), out.from(0, j), depth);
    for (; j + 2 <= columns; j += 2) accumulate_tile<ROWS, 2>(left, right.from(j, 0), out.from(0, j), depth);
    for (; j < columns; j++) accumulate_tile<ROWS, 1>(left, right.from(j, 0), out.from(0, j), depth);
}

// out += left * right^T, summed over the lanes too: the gradient of weights.
void accumulate(Activations left, Activations right, Matrix<float> out, long rows, long columns, long depth) {
    long i = 0;
    for (; i + 4 <= rows; i += 4) accumulate_rows<4>(left.from(i, 0), right, out.from(i, 0), columns, depth);
    for (; i + 2 <= rows; i += 2) accumulate_rows<2>(left.from(i, 0), right, out.from(i, 0), columns, depth);
    for (; i < rows; i++) accumulate_rows<1>(left.from(i, 0), right, out.from(i, 0), columns, depth);
}

}  // namespace
