// SRU, one step of one unit and its adjoint (Lei et al., EMNLP 2018), with the old c in both gates:
//     f = sigmoid(x_f + b_f + v_f c),  r = sigmoid(x_r + b_r + v_r c),
//     c' = f c + (1 - f) x_c,  h = r act(c') + (1 - r) skip
#pragma once
#include "indrnn.h"

template <class Number, class Activation> struct SRU {
    typedef Number T;
    // x_c, x_f, x_r, skip; v_f, v_r, b_f, b_r; c. The output is h, and c is what is kept.
    enum { INPUTS = 4, READ_AGAIN = 4, WEIGHTS = 4, STATES = 1, CARRIES = 0 };

    STEP_INLINE T forward(const T* x, const T* weight, T* state, T*) const {
        const T c = state[0];
        const T f = sigmoid_of<T>(weight[0] * c + (x[1] + weight[2]));
        const T r = sigmoid_of<T>(weight[1] * c + (x[2] + weight[3]));
        const T next = x[0] + f * (c - x[0]);
        state[0] = next;
        return x[3] + r * (Activation::template value<T>(next) - x[3]);
    }

    STEP_INLINE static T kept(const T* state) { return state[0]; }

    STEP_INLINE void backward(const T* x, const T* weight, T c, T g, T* state, T* adjoint, T*, T* dx,
                              T* dweight) const {
        const T f = sigmoid_of<T>(weight[0] * c + (x[1] + weight[2]));
        const T r = sigmoid_of<T>(weight[1] * c + (x[2] + weight[3]));
        const T value = Activation::template value<T>(state[0]);
        const T dnext = adjoint[0] + g * r * Activation::template slope<T>(value);
        const T dr = g * (value - x[3]) * r * (T(1) - r);
        const T df = dnext * (c - x[0]) * f * (T(1) - f);
        dx[0] = dnext * (T(1) - f);
        dx[1] = df;
        dx[2] = dr;
        dx[3] = g * (T(1) - r);
        dweight[0] += df * c;
        dweight[1] += dr * c;
        dweight[2] += df;
        dweight[3] += dr;
        adjoint[0] = dnext * f + df * weight[0] + dr * weight[1];
        state[0] = c;
    }
};
