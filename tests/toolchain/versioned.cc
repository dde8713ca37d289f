#include "versioned.h"

extern "C" int answer_old() { return 41; }
extern "C" int answer_new() { return 42; }

__asm__(".symver answer_old, answer@VERSIONED_1");
__asm__(".symver answer_new, answer@@VERSIONED_2");
