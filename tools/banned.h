/* SPDX-License-Identifier: MIT */
/* Force-included by the build: functions that invite overflows or hide errors do not compile. */

#ifndef VEDETTE_BANNED_H
#define VEDETTE_BANNED_H

/* Their headers come first: poisoning a name makes even its later declaration an error. */
#if !defined(VD_FREESTANDING)
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#endif
#include <string.h>

/* With clang and _FORTIFY_SOURCE these two are macros, which cannot be poisoned while they are. */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat strncpy strncat strtok strtok_r
#pragma GCC poison sprintf vsprintf gets
#pragma GCC poison atoi atol atoll atof
#pragma GCC poison asctime asctime_r ctime ctime_r
#pragma GCC poison tmpnam tempnam mktemp

#endif
