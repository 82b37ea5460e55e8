// Which windows go through the model at once: those of like length, since what lies behind their ends is for nothing.

#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "lanes.h"

namespace {

// Behind a line that is shorter than its window there are no tokens, but numbers below 0.
bool is_token(int64_t id) { return id >= 0; }

// Windows of block + 1 tokens one after another, each counted `repeats` times (none given: once), and beginning at the
// model's position `offsets` (none given: at the first). Of the block's targets only those in `chosen` count (none given:
// every token but the first).
struct Windows {
    const int64_t *tokens, *chosen, *repeats, *offsets;
    long count, block;

    const int64_t* inputs(long window) const { return tokens + window * (block + 1); }
    const int64_t* targets(long window) const { return chosen ? chosen + window * block : inputs(window) + 1; }
    int64_t weight(long window) const { return repeats ? repeats[window] : 1; }
    int64_t offset(long window) const { return offsets ? offsets[window] : 0; }
    long length(long window) const {  // up to its last target
        long end = block;
        while (end > 0 && !is_token(targets(window)[end - 1])) end--;
        return end;
    }
    double num_targets() const {
        double sum = 0;
        for (long w = 0; w < count; w++)
            sum += double(weight(w)) * std::count_if(targets(w), targets(w) + block, is_token);
        return sum;
    }
};

// One position in each window of a group, in the order in which windows are taken.
struct Column {
    long first, position;
    Integers input, place, target;
    Lanes share;  // of the loss
};

// As many windows as there are lanes, in as many columns as the longest of them has positions.
struct Group {
    long column, positions;
};

// Takes windows from the longest to the shortest, a few groups at a time.
class Passes {
  public:
    std::vector<Column> columns;
    std::vector<Group> groups;

    // `whole`: windows are taken to their ends, whether or not there are targets.
    Passes(Windows windows, bool whole) : windows(windows), num_targets(windows.num_targets()) {
        lengths.resize(windows.count, windows.block);
        if (!whole)
            for (long w = 0; w < windows.count; w++) lengths[w] = windows.length(w);
        order.resize(windows.count);
        std::iota(order.begin(), order.end(), 0L);
        // Stable: windows of one length are added up in the order in which they came.
        std::stable_sort(order.begin(), order.end(), [&](long a, long b) { return lengths[a] > lengths[b]; });
        while (!order.empty() && lengths[order.back()] == 0) order.pop_back();
    }

    // Fills `columns` and `groups` with what comes next; false where nothing is left.
    bool next() {
        columns.clear();
        groups.clear();
        while (taken < long(order.size()) && long(columns.size()) < ENOUGH) {
            groups.push_back({long(columns.size()), lengths[order[taken]]});
            for (long position = 0; position < groups.back().positions; position++)
                columns.push_back(column(taken, position));
            taken += LANES;
        }
        return !groups.empty();
    }

    // The window in a lane of a group, -1 where the last group has none left.
    long window(long first, long lane) const { return first + lane < long(order.size()) ? order[first + lane] : -1; }

  private:
    static constexpr long ENOUGH = 24;  // columns for whole tiles
    Windows windows;
    double num_targets;
    std::vector<long> lengths, order;
    long taken = 0;

    Column column(long first, long position) const {
        Column column{first, position, {}, Integers{} + int32_t(position), {}, {}};
        for (long lane = 0; lane < LANES; lane++) {
            const long mine = window(first, lane);
            if (mine < 0) continue;
            const int64_t input = windows.inputs(mine)[position], target = windows.targets(mine)[position];
            column.input[lane] = std::max<int64_t>(input, 0);
            column.target[lane] = std::max<int64_t>(target, 0);
            if (position >= lengths[mine]) continue;  // nor is its place needed, which might lie past the model's last
            column.place[lane] += windows.offset(mine);
            if (is_token(target)) column.share[lane] = windows.weight(mine) / num_targets;
        }
        return column;
    }
};

}  // namespace
