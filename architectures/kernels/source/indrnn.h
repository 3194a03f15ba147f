// IndRNN, one step of one unit and its adjoint (Li et al., CVPR 2018):  h' = act(x + b + u h)
#pragma once
#include "real.h"

struct Relu {
    template <class T> static STEP_INLINE T value(T a) { return a > T(0) ? a : (a < T(0) ? T(0) : a); }  // keeps NaN
    template <class T> static STEP_INLINE T slope(T value) { return value > T(0) ? T(1) : T(0); }        // at its value
};

struct Tanh {
    template <class T> static STEP_INLINE T value(T a) { return tanh_of(a); }
    template <class T> static STEP_INLINE T slope(T value) { return T(1) - value * value; }
};

struct Identity {
    template <class T> static STEP_INLINE T value(T a) { return a; }
    template <class T> static STEP_INLINE T slope(T) { return T(1); }
};

template <class Number, class Activation> struct IndRNN {
    typedef Number T;
    // x; u, b; h. The output is h, and so is what is kept.
    enum { INPUTS = 1, READ_AGAIN = 0, WEIGHTS = 2, STATES = 1, CARRIES = 0 };

    STEP_INLINE T forward(const T* x, const T* weight, T* state, T*) const {
        return state[0] = Activation::template value<T>(weight[0] * state[0] + (x[0] + weight[1]));
    }

    STEP_INLINE static T kept(const T* state) { return state[0]; }

    STEP_INLINE void backward(const T*, const T* weight, T h, T g, T* state, T* adjoint, T*, T* dx,
                              T* dweight) const {
        const T delta = (adjoint[0] + g) * Activation::template slope<T>(state[0]);
        dx[0] = delta;
        dweight[0] += delta * h;
        dweight[1] += delta;
        adjoint[0] = weight[0] * delta;
        state[0] = h;
    }
};
