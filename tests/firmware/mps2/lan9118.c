/* SPDX-License-Identifier: MIT */
/* LAN9118 in FIFO mode, without interrupts. Numbers of registers and bits: SMSC LAN9118 datasheet, chapters 3 and 5. */

#include "tests/firmware/mps2/lan9118.h"

#include <string.h>

#include "lwip/etharp.h"
#include "lwip/pbuf.h"
#include "netif/ethernet.h"

#define BASE         0x40200000u
#define REGISTER(at) (*(volatile uint32_t *)(BASE + (at)))

#define RX_DATA      REGISTER(0x00)
#define TX_DATA      REGISTER(0x20)
#define RX_STATUS    REGISTER(0x40)
#define TX_STATUS    REGISTER(0x48)
#define INT_EN       REGISTER(0x5c)
#define BYTE_TEST    REGISTER(0x64)
#define RX_CFG       REGISTER(0x6c)
#define TX_CFG       REGISTER(0x70)
#define HW_CFG       REGISTER(0x74)
#define RX_FIFO_INF  REGISTER(0x7c)
#define TX_FIFO_INF  REGISTER(0x80)
#define RX_DROP      REGISTER(0xa0)
#define MAC_CSR_CMD  REGISTER(0xa4)
#define MAC_CSR_DATA REGISTER(0xa8)

#define BYTE_TEST_VALUE 0x87654321u

#define HW_CFG_RESET      0x00000001u
#define HW_CFG_MUST_BE_1  0x00100000u
#define HW_CFG_TX_FIFO_5K 0x00050000u /* leaves 10,560 bytes to the receiver */
#define TX_CFG_ON         0x00000002u

#define TX_A_FIRST 0x00002000u
#define TX_A_LAST  0x00001000u

#define RX_STATUS_ERROR 0x00008000u

#define MAC_CSR_BUSY 0x80000000u
#define MAC_CSR_READ 0x40000000u

enum mac_register {
    MAC_CR = 1,
    MAC_ADDRH = 2,
    MAC_ADDRL = 3,
    MAC_MII_ACC = 6,
    MAC_MII_DATA = 7
};

#define MAC_CR_RX_ON       0x00000004u
#define MAC_CR_TX_ON       0x00000008u
#define MAC_CR_FULL_DUPLEX 0x00100000u

/* Of the PHY inside, at MII address 1: basic control, and its bits "negotiate" and "anew". */
#define MII_BUSY        0x0001u
#define MII_WRITE       0x0002u
#define MII_PHY_ADDRESS (1u << 11)
#define PHY_CONTROL     0u
#define PHY_NEGOTIATE   0x1200u

#define FRAME_MAX 1518u
#define FCS_BYTES 4u
/* Polls of a register that the chip changes within microseconds. */
#define SPINS 100000u

/* A frame on its way in or out, in words as the FIFOs have it; one at a time. */
static uint32_t frame[(FRAME_MAX + FCS_BYTES + 3) / 4];
static uint32_t lost;

/* False: the bits of `mask` did not become `value` in time. */
static bool settled(volatile const uint32_t *address, uint32_t mask, uint32_t value)
{
    for (uint32_t i = 0; i < SPINS; i++) {
        if ((*address & mask) == value) {
            return true;
        }
    }
    return false;
}

static bool mac_write(enum mac_register which, uint32_t value)
{
    MAC_CSR_DATA = value;
    MAC_CSR_CMD = MAC_CSR_BUSY | (uint32_t)which;
    return settled(&MAC_CSR_CMD, MAC_CSR_BUSY, 0);
}

static uint32_t mac_read(enum mac_register which)
{
    MAC_CSR_CMD = MAC_CSR_BUSY | MAC_CSR_READ | (uint32_t)which;
    return settled(&MAC_CSR_CMD, MAC_CSR_BUSY, 0) ? MAC_CSR_DATA : 0;
}

static bool phy_write(uint32_t which, uint32_t value)
{
    return mac_write(MAC_MII_DATA, value) &&
        mac_write(MAC_MII_ACC, MII_PHY_ADDRESS | which << 6 | MII_WRITE | MII_BUSY);
}

static bool start_chip(void)
{
    HW_CFG = HW_CFG_RESET;
    if (!settled(&HW_CFG, HW_CFG_RESET, 0) || BYTE_TEST != BYTE_TEST_VALUE) {
        return false;
    }
    HW_CFG = HW_CFG_MUST_BE_1 | HW_CFG_TX_FIFO_5K;
    INT_EN = 0;
    RX_CFG = 0;
    TX_CFG = TX_CFG_ON;
    return phy_write(PHY_CONTROL, PHY_NEGOTIATE) &&
        mac_write(MAC_CR, MAC_CR_FULL_DUPLEX | MAC_CR_RX_ON | MAC_CR_TX_ON);
}

static err_t link_output(struct netif *netif, struct pbuf *p)
{
    uint32_t length = p->tot_len;
    uint32_t words = (length + 3) / 4;

    (void)netif;
    if (length > FRAME_MAX) {
        return ERR_BUF;
    }
    while ((TX_FIFO_INF >> 16 & 0xff) > 0) {
        (void)TX_STATUS; /* nothing is sent while the status FIFO is full */
    }
    for (uint32_t i = 0; (TX_FIFO_INF & 0xffff) < 4 * words + 8; i++) {
        if (i == SPINS) {
            lost++;
            return ERR_IF;
        }
    }
    (void)pbuf_copy_partial(p, frame, (u16_t)length, 0);
    TX_DATA = TX_A_FIRST | TX_A_LAST | length;
    TX_DATA = length;
    for (uint32_t i = 0; i < words; i++) {
        TX_DATA = frame[i];
    }
    return ERR_OK;
}

bool lan9118_poll(struct netif *netif)
{
    uint32_t status, bytes;
    struct pbuf *p;

    if ((RX_FIFO_INF >> 16 & 0xff) == 0) {
        return false;
    }
    status = RX_STATUS;
    bytes = status >> 16 & 0x3fff; /* with the frame check sequence */
    for (uint32_t i = 0; i < (bytes + 3) / 4; i++) {
        uint32_t word = RX_DATA;

        if (i < sizeof frame / sizeof frame[0]) {
            frame[i] = word;
        }
    }
    if ((status & RX_STATUS_ERROR) != 0 || bytes <= FCS_BYTES || bytes > sizeof frame) {
        lost++;
        return true;
    }
    p = pbuf_alloc(PBUF_RAW, (u16_t)(bytes - FCS_BYTES), PBUF_POOL);
    if (p == NULL) {
        lost++;
        return true;
    }
    (void)pbuf_take(p, frame, (u16_t)(bytes - FCS_BYTES));
    if (netif->input(p, netif) != ERR_OK) {
        (void)pbuf_free(p);
    }
    return true;
}

uint32_t lan9118_lost(void)
{
    lost += RX_DROP; /* reading it clears it */
    return lost;
}

err_t lan9118_init(struct netif *netif)
{
    uint32_t low, high;

    if (!start_chip()) {
        return ERR_IF;
    }
    low = mac_read(MAC_ADDRL);
    high = mac_read(MAC_ADDRH);
    netif->hwaddr_len = ETH_HWADDR_LEN;
    for (uint32_t i = 0; i < ETH_HWADDR_LEN; i++) {
        netif->hwaddr[i] = (u8_t)(i < 4 ? low >> 8 * i : high >> 8 * (i - 4));
    }
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->mtu = 1500;
    netif->output = etharp_output;
    netif->linkoutput = link_output;
    netif->flags =
        NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    return ERR_OK;
}
