/* SPDX-License-Identifier: MIT */
/* What the port uses of ThreadX, written from its API reference; sim_kernel.c plays it. */

#ifndef TX_API_H
#define TX_API_H

#include <pthread.h>

typedef void VOID;
typedef char CHAR;
typedef unsigned char UCHAR;
typedef unsigned short USHORT;
typedef unsigned int UINT;
typedef unsigned int ULONG;

#define THREADX_MAJOR_VERSION 6
#define THREADX_MINOR_VERSION 4
#define THREADX_PATCH_VERSION 2

#define TX_SUCCESS                0
#define TX_WAIT_FOREVER           ((ULONG)0xFFFFFFFF)
#define TX_INHERIT                1
#define TX_INT_DISABLE            1
#define TX_INT_ENABLE             0
#define TX_TIMER_TICKS_PER_SECOND ((ULONG)100)

typedef struct TX_MUTEX_STRUCT {
    ULONG tx_mutex_id;
    pthread_mutex_t lock;
} TX_MUTEX;

UINT tx_interrupt_control(UINT new_posture);
ULONG tx_time_get(VOID);
VOID tx_time_set(ULONG new_time);
UINT tx_mutex_create(TX_MUTEX *mutex_ptr, CHAR *name_ptr, UINT inherit);
UINT tx_mutex_get(TX_MUTEX *mutex_ptr, ULONG wait_option);
UINT tx_mutex_put(TX_MUTEX *mutex_ptr);

#endif
