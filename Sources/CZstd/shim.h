#pragma once
#include <zstd.h>

// What was built, such as a commit: scripts/package defines it. Swift has no other way to take a text from a build's options.
#ifndef TIDEMARK_BUILD
#define TIDEMARK_BUILD "development"
#endif
static inline const char *tidemark_build(void) { return TIDEMARK_BUILD; }
