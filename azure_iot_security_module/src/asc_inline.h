/* SPDX-License-Identifier: MIT */
/* What the compiler is told of a function that the hook's instructions or a stack's bytes depend on. */

#ifndef ASC_INLINE_H
#define ASC_INLINE_H

#if defined(__GNUC__)
#define ASC_INLINE            inline __attribute__((always_inline))
#define ASC_NOINLINE          __attribute__((noinline, unused))
#define ASC_RARELY(condition) __builtin_expect((condition), 0)
#else
#define ASC_RARELY(condition) (condition)
#define ASC_INLINE            inline
#define ASC_NOINLINE
#endif

#endif
