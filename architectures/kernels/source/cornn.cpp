// coRNN as plain C functions.
#include <algorithm>
#include <cstdint>

#include "cornn.h"
#include "cornn_weight.h"
#include "pages.h"

using namespace cornn;

namespace {

// pointers: weight, y0, z0, then
//   forward: drive; y, force or null, final y, final z; scratch
//   backward: gradient of y or null; y, force; gradients of final y and final z; gradients of the drive, y0, z0 and the
//             weight, or null; scratch
// strides: a row of the weight; step and row of the drive or of the gradient of y. factors: dt, keep, spring, push.
template <class T> struct Call {
    const Index *sizes, *strides;
    void* const* pointers;
    const double* factors;

    T* at(int k) const { return static_cast<T*>(pointers[k]); }
    T* scratch(int k) const {
        const auto address = reinterpret_cast<std::uintptr_t>(pointers[k]);
        return reinterpret_cast<T*>((address + VECTOR - 1) / VECTOR * VECTOR);
    }
    CoRNN<T> net() const {
        const CoRNNStep<T> step = {T(factors[0]), T(factors[1]), T(factors[2]), T(factors[3])};
        return {sizes[0], sizes[1], sizes[2], sizes[3], step, at(0), strides[0], at(1), at(2)};
    }
    void large(int k) const { in_large_pages(pointers[k], sizes[0] * sizes[1] * sizes[2] * Index(sizeof(T))); }
    void forward() const {
        large(4), large(5);
        const auto net = this->net();
        const auto y = net.rows(at(4)), force = net.rows(at(5));
        Forward<T>{net, {at(3), strides[1], strides[2]}, y, force, at(6), at(7), scratch(8)}.run();
    }
    void backward() const {
        large(8);
        const auto net = this->net();
        const auto y = net.rows(at(4)), force = net.rows(at(5)), delta = net.rows(at(8));
        Backward<T>{net, {at(3), strides[1], strides[2]}, at(6), at(7), force, delta, at(9), at(10), scratch(12)}.run();
        if (at(11)) WeightGradient<T>{net, y, force, delta, at(11), scratch(12)}.run();
    }
    Index bytes() const {
        const Index wide = padded<T>(sizes[2]), sweeps = 2 * wide * wide + 4 * sizes[1] * wide;
        return std::max(Index(sizeof(T)) * sweeps, WeightGradient<T>::bytes(sizes[2])) + VECTOR;
    }
};

}  // namespace

#define ENTRIES(T, suffix)                                                                                             \
    Index cornn_scratch_##suffix(const Index* sizes) { return Call<T>{sizes, nullptr, nullptr, nullptr}.bytes(); }     \
    void cornn_forward_##suffix(const Index* n, void* const* p, const Index* s, const double* f) {                     \
        Call<T>{n, s, p, f}.forward();                                                                                 \
    }                                                                                                                  \
    void cornn_backward_##suffix(const Index* n, void* const* p, const Index* s, const double* f) {                    \
        Call<T>{n, s, p, f}.backward();                                                                                \
    }

extern "C" {
ENTRIES(float, f32)
ENTRIES(double, f64)
}
