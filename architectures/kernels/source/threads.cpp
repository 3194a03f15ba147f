// Which threads the library works with.
#include "threads.h"

#if defined(__linux__)
#include <pthread.h>
#endif

// `given` may be null. Once is enough for a process and all that are forked from it.
extern "C" void use_team(Team given) {
    team() = given;
#if defined(__linux__)
    pthread_atfork(nullptr, nullptr, [] { team() = nullptr; });
#endif
}
