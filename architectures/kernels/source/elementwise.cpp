// The elementwise recurrences as plain C functions.
//
// Every tensor of a call comes as an address; the streams also with the strides of a step and of a sequence, counted in
// elements. `pointers` and `strides` are in the order of the declarations in sweep.h.
#include "indrnn.h"
#include "pages.h"
#include "sru.h"
#include "sweep.h"
#include "unicornn.h"

namespace {

template <class Step>
Sweep<Step> sweep(const Step& step, const Index* sizes, void* const* pointers, const Index* strides) {
    typedef typename Step::T T;
    Sweep<Step> s{step, {sizes[0], sizes[1], sizes[2], sizes[3]}, {}, nullptr, nullptr};
    for (int k = 0; k < Step::INPUTS; ++k)
        s.input[k] = {static_cast<const T*>(*pointers++), strides[2 * k], strides[2 * k + 1]};
    s.weight = static_cast<const T*>(*pointers++);
    s.initial = static_cast<const T*>(*pointers);
    return s;
}

// pointers: inputs, weights (WEIGHTS, H), initial; then output, kept, states, final.
template <class Step> void forward(const Step& step, const Index* sizes, void* const* pointers, const Index* strides) {
    typedef typename Step::T T;
    T* const* left = reinterpret_cast<T* const*>(pointers + Step::INPUTS + 2);
    for (int k = 0; k < 2; ++k) in_large_pages(left[k], sizes[0] * sizes[1] * sizes[2] * Index(sizeof(T)));
    sweep(step, sizes, pointers, strides).forward(Left<T>{left[0], left[1], left[2], left[3]});
}

// pointers: inputs, weights, initial; then kept, states, last, gradients of the output and of the final states;
// then the gradients of the inputs, of the weights (summed over the batch, (WEIGHTS, H)), a workspace of doubles
// (WEIGHTS, N, H), and the gradient of the initial states.
template <class Step> void backward(const Step& step, const Index* sizes, void* const* pointers, const Index* strides) {
    typedef typename Step::T T;
    const Sweep<Step> s = sweep(step, sizes, pointers, strides);
    pointers += Step::INPUTS + 2;
    strides += 2 * Step::INPUTS;
    Gradients<T, Step::INPUTS> g{};
    g.kept = static_cast<const T*>(*pointers++);
    g.states = static_cast<const T*>(*pointers++);
    g.last = static_cast<const T*>(*pointers++);
    g.output = {static_cast<const T*>(*pointers++), strides[0], strides[1]};
    g.final = static_cast<const T*>(*pointers++);
    for (int k = 0; k < Step::INPUTS; ++k) {
        g.input[k] = {static_cast<T*>(*pointers++), strides[2 * k + 2], strides[2 * k + 3]};
        in_large_pages(g.input[k].data, (sizes[0] - 1) * g.input[k].step * Index(sizeof(T)));
    }
    T* weight = static_cast<T*>(*pointers++);
    g.weight = static_cast<double*>(*pointers++);
    g.initial = static_cast<T*>(*pointers);
    s.backward(g);
    for (Index k = 0; k < Step::WEIGHTS; ++k)
        for (Index h = 0; h < s.sizes.width; ++h) {
            double sum = 0;
            for (Index n = 0; n < s.sizes.batch; ++n) sum += g.weight[(k * s.sizes.batch + n) * s.sizes.width + h];
            weight[k * s.sizes.width + h] = T(sum);
        }
}

enum Activation { IDENTITY, TANH, RELU };

// Calls work with the step that belongs to an activation.
template <class T, class Work> void with_indrnn(Index activation, const Work& work) {
    if (activation == TANH) work(IndRNN<T, Tanh>{});
    else work(IndRNN<T, Relu>{});
}

template <class T, class Work> void with_sru(Index activation, const Work& work) {
    if (activation == TANH) work(SRU<T, Tanh>{});
    else if (activation == RELU) work(SRU<T, Relu>{});
    else work(SRU<T, Identity>{});
}

template <class T> UnICORNN<T> with_alpha(double alpha) { return {T(alpha), T(alpha - double(T(alpha)))}; }

}  // namespace

#define ENTRY(direction, type, suffix)                                                                               \
    void unicornn_##direction##_##suffix(const Index* sizes, void* const* pointers, const Index* strides, double a) { \
        direction(with_alpha<type>(a), sizes, pointers, strides);                                                      \
    }                                                                                                                \
    void indrnn_##direction##_##suffix(const Index* sizes, void* const* pointers, const Index* strides, double a) {   \
        with_indrnn<type>(Index(a), [&](auto step) { direction(step, sizes, pointers, strides); });                  \
    }                                                                                                                \
    void sru_##direction##_##suffix(const Index* sizes, void* const* pointers, const Index* strides, double a) {      \
        with_sru<type>(Index(a), [&](auto step) { direction(step, sizes, pointers, strides); });                     \
    }

extern "C" {
ENTRY(forward, float, f32)
ENTRY(forward, double, f64)
ENTRY(backward, float, f32)
ENTRY(backward, double, f64)
}
