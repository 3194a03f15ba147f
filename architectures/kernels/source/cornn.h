// coRNN over a whole sequence, forward and backward; cornn_step.h has the step, in which f is the tanh.
//
// A tile of a few sequences goes through all of time on one thread, with its states and the packed weight in its second
// cache. Of a step only y and f are kept: z follows from them in the order of time, which is the order in which
// cornn_weight.h needs it. The results are the same, bit for bit, for every number of threads.
#pragma once
#include <algorithm>
#include <cstdint>

#include "cornn_step.h"
#include "lines.h"
#include "matrix.h"
#include "real.h"
#include "threads.h"

namespace cornn {

typedef std::int64_t Index;
template <class T> using Lane = typename Vector<T>::Type;

// A vector of H values for each step and sequence: (L, N, H).
template <class T> struct Rows {
    T* data;
    Index step, row;
    T* at(Index t, Index n) const { return data + t * step + n * row; }
};

template <class T> struct CoRNN {
    Index length, batch, units, threads;
    CoRNNStep<T> oscillator;
    const T* weight;  // (H, 2H): the columns of z, then those of y
    Index weight_row;
    const T *y0, *z0;  // (N, H)
    bool past = length * batch * units * Index(sizeof(T)) > CACHED;

    Rows<T> rows(T* data) const { return {data, batch * units, units}; }

    // A vector of a result that doesn't fit the caches goes past them: the packed weight stays there.
    STEP_INLINE void leave(T* to, Index many, Lane<T> values) const {
        if (VECTOR == LINE && many >= LANES<T> && past && starts_line(to))
            write_line(reinterpret_cast<const char*>(&values), reinterpret_cast<char*>(to));
        else store<T>(to, many, values);
    }
};

template <class T> STEP_INLINE Lane<T> tanh_of_each(Lane<T> x) {
    T values[LANES<T>];
    store<T>(values, LANES<T>, x);
    for (T& value : values) value = tanh_of(value);
    return load<T>(values, LANES<T>);
}

// Sequences first, first + 1, ... of a batch. A matrix of theirs, (count, k), lies as products want it.
template <class T> struct Tile {
    Index first, count;
    Index at(Index r, Index k) const { return (k / LANES<T> * count + r) * LANES<T>; }

    // Between columns k, k + 1, ... of a matrix of the tile and a tensor (N, H).
    void get(T* matrix, Index k, const T* tensor, Index units) const {
        for (Index r = 0; r < count; ++r)
            for (Index h = 0; h < units; h += LANES<T>)
                store<T>(matrix + at(r, k + h), LANES<T>, load<T>(tensor + (first + r) * units + h, units - h));
    }
    void put(const T* matrix, Index k, T* tensor, Index units) const {
        for (Index r = 0; r < count; ++r)
            for (Index h = 0; h < units; h += LANES<T>)
                store<T>(tensor + (first + r) * units + h, units - h, load<T>(matrix + at(r, k + h), LANES<T>));
    }
};

// Calls work(tile) for all sequences of a batch.
template <class T, class Work> void over_tiles(const CoRNN<T>& net, const Work& work) {
    const Tiles tiles(net.batch, net.threads);
    in_threads(tiles.count, net.threads, [&](Index from, Index to) {
        for (Index k = from; k < to; ++k) work(Tile<T>{tiles.begin(k), tiles.begin(k + 1) - tiles.begin(k)});
    });
}

template <class T> struct Forward : CoRNN<T> {
    Rows<const T> drive;
    Rows<T> y, force;  // force.data may be null
    T *y_end, *z_end;  // (N, H)
    T* scratch;        // the packed weight, then two states [z, y] for each sequence

    Index wide() const { return padded<T>(this->units); }

    // For each WIDTH units a panel: their weights for every k of [z, y].
    void pack() const {
        const Index depth = 2 * wide();
        for (Index h = 0; h < wide(); ++h)
            for (Index k = 0; k < depth; ++k) {
                const Index column = k % wide();
                T* to = scratch + h / WIDTH<T> * WIDTH<T> * depth + k * WIDTH<T> + h % WIDTH<T>;
                const T* from = this->weight + h * this->weight_row + (k < wide() ? column : this->units + column);
                *to = h < this->units && column < this->units ? *from : T(0);
            }
    }

    // One step of a vector of units of one sequence, whose sum Wz z + W y is known.
    STEP_INLINE void step(const Tile<T>& tile, Index t, Index r, Index h, const T* sum, const T* now, T* next) const {
        const Index n = tile.first + r, many = this->units - h, at_z = tile.at(r, h), at_y = tile.at(r, wide() + h);
        const T* x = drive.at(t, n) + h;
        if (t + 1 < this->length) __builtin_prefetch(x + drive.step);
        const Lane<T> f = tanh_of_each<T>(load<T>(sum, LANES<T>) + load<T>(x, many));
        Lane<T> z = load<T>(now + at_z, LANES<T>), u = load<T>(now + at_y, LANES<T>);
        this->oscillator.advance(f, u, z);
        store<T>(next + at_z, LANES<T>, z);
        store<T>(next + at_y, LANES<T>, u);
        this->leave(y.at(t, n) + h, many, u);
        if (force.data) this->leave(force.at(t, n) + h, many, f);
    }

    void sweep(const Tile<T>& tile) const {
        const Index depth = 2 * wide();
        const Product<T> multiply = product_of<T>(tile.count);
        T* now = scratch + wide() * depth + tile.first * 2 * depth;
        T* next = now + tile.count * depth;
        std::fill(now, now + 2 * tile.count * depth, T(0));
        tile.get(now, 0, this->z0, this->units);
        tile.get(now, wide(), this->y0, this->units);
        T sums[ROWS * WIDTH<T>];
        for (Index t = 0; t < this->length; ++t) {
            for (Index h = 0; h < this->units; h += LANES<T>) {
                if (h % WIDTH<T> == 0) multiply(depth / LANES<T>, now, scratch + h * depth, sums);
                for (Index r = 0; r < tile.count; ++r)
                    step(tile, t, r, h, sums + r * WIDTH<T> + h % WIDTH<T>, now, next);
            }
            std::swap(now, next);
        }
        tile.put(now, 0, z_end, this->units);
        tile.put(now, wide(), y_end, this->units);
    }

    void run() const {
        pack();
        over_tiles(*this, [&](const Tile<T>& tile) { sweep(tile), written(); });
    }
};

// u and v are the gradients of y and z. Before the adjoint of a step, u gets the gradient of the output; its delta is the
// gradient of the drive.
template <class T> struct Backward : CoRNN<T> {
    Rows<const T> dy;            // data may be null
    const T *dy_end, *dz_end;    // (N, H)
    Rows<T> force, delta;
    T *dy0, *dz0;  // (N, H)
    T* scratch;    // the packed weight, then two deltas, u and v of each sequence

    Index wide() const { return padded<T>(this->units); }

    // For each vector of units a panel: their columns of z beside those of y.
    void pack() const {
        for (Index k = 0; k < wide(); ++k)
            for (Index h = 0; h < wide(); h += LANES<T>) {
                const Index many = k < this->units ? std::max(Index(0), this->units - h) : 0;
                const T* from = this->weight + k * this->weight_row + h;
                T* to = scratch + 2 * h * wide() + k * WIDTH<T>;
                store<T>(to, LANES<T>, load<T>(from, many));
                store<T>(to + LANES<T>, LANES<T>, load<T>(from + this->units, many));
            }
    }

    // Takes the gradients of the state after step t (known but for those of the output) through its pointwise part.
    STEP_INLINE void step(Index t, Index n, Index h, Lane<T>& u, Lane<T>& v, T* next) const {
        const Index many = this->units - h;
        const T* f = force.at(t, n) + h;
        if (t > 0) __builtin_prefetch(f - force.step);
        if (dy.data) {
            const T* outer = dy.at(t, n) + h;
            if (t > 0) __builtin_prefetch(outer - dy.step);
            u += load<T>(outer, many);
        }
        const Lane<T> d = this->oscillator.delta(load<T>(f, many), u, v);
        this->leave(delta.at(t, n) + h, many, d);
        store<T>(next, LANES<T>, d);
    }

    void sweep(const Tile<T>& tile) const {
        const Product<T> multiply = product_of<T>(tile.count);
        const Index size = tile.count * wide();
        T* now = scratch + 2 * wide() * wide() + 4 * tile.first * wide();
        T* next = now + size;
        T *const us = now + 2 * size, *const vs = now + 3 * size;
        std::fill(now, now + 4 * size, T(0));
        tile.get(us, 0, dy_end, this->units);
        tile.get(vs, 0, dz_end, this->units);
        T sums[ROWS * WIDTH<T>] = {};
        for (Index t = this->length; t >= 0; --t) {  // to the gradients of the state before step t, and on
            for (Index h = 0; h < this->units; h += LANES<T>) {
                if (t < this->length) multiply(wide() / LANES<T>, now, scratch + 2 * h * wide(), sums);
                for (Index r = 0; r < tile.count; ++r) {
                    const Index at = tile.at(r, h);
                    const T* sum = sums + r * WIDTH<T>;
                    Lane<T> u = load<T>(us + at, LANES<T>), v = load<T>(vs + at, LANES<T>);
                    if (t < this->length) {
                        this->oscillator.before(u, v);
                        u += load<T>(sum + LANES<T>, LANES<T>);
                        v += load<T>(sum, LANES<T>);
                    }
                    if (t > 0) step(t - 1, tile.first + r, h, u, v, next + at);
                    store<T>(us + at, LANES<T>, u);
                    store<T>(vs + at, LANES<T>, v);
                }
            }
            std::swap(now, next);
        }
        tile.put(us, 0, dy0, this->units);
        tile.put(vs, 0, dz0, this->units);
    }

    void run() const {
        pack();
        over_tiles(*this, [&](const Tile<T>& tile) { sweep(tile), written(); });
    }
};

}  // namespace cornn
