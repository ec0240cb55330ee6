//go:build !purego

#include "textflag.h"

// The rank of a key is the number of cuts that are not above it: sixteen for each pivot not above it, and
// those of the sixteen cuts that follow. No slot has more than 255, but the missing value that is above all
// is above the padding as well, so 255 is the most that is written.
//
// Loops begin on a line of the cache, here and in the other kernels: where the linker puts them is worth a tenth of the
// time of a small forest.

// func rankSmall(slots *rankSlot32, sources *uint32, n int, keys *int64, row *rankRow)
TEXT ·rankSmall(SB), NOSPLIT, $0-40
	MOVQ slots+0(FP), SI
	MOVQ sources+8(FP), DI
	MOVQ n+16(FP), R8
	MOVQ keys+24(FP), R9
	MOVQ row+32(FP), R10
	MOVL $255, R11
	XORQ R12, R12
	JMP  more

	PCALIGN $64

rank:
	MOVL         (DI)(R12*4), AX
	VPBROADCASTD 4(R9)(AX*8), Z0  // the upper half of a key
	VPCMPD       $5, (SI), Z0, K1 // key >= pivot
	KMOVW        K1, BX
	POPCNTL      BX, BX
	SHLL         $6, BX           // sixteen cuts are 64 bytes
	VPCMPD       $5, 64(SI)(BX*1), Z0, K2
	KMOVW        K2, CX
	POPCNTL      CX, CX
	SHRL         $2, BX
	ADDL         CX, BX
	CMPL         BX, R11
	CMOVLHI      R11, BX
	MOVB         BX, (R10)(R12*1)
	ADDQ         $1152, SI        // the size of a rankSlot32
	INCQ         R12

more:
	CMPQ       R12, R8
	JLT        rank
	VZEROUPPER
	RET

// func rankLarge(slots *rankSlot64, sources *uint32, n int, keys *int64, row *rankRow)
TEXT ·rankLarge(SB), NOSPLIT, $0-40
	MOVQ slots+0(FP), SI
	MOVQ sources+8(FP), DI
	MOVQ n+16(FP), R8
	MOVQ keys+24(FP), R9
	MOVQ row+32(FP), R10
	MOVL $255, R11
	XORQ R12, R12
	JMP  more

	PCALIGN $64

rank:
	MOVL         (DI)(R12*4), AX
	VPBROADCASTQ (R9)(AX*8), Z0
	VPCMPQ       $5, (SI), Z0, K1 // key >= pivot
	VPCMPQ       $5, 64(SI), Z0, K2
	KUNPCKBW     K1, K2, K1
	KMOVW        K1, BX
	POPCNTL      BX, BX
	SHLL         $7, BX           // sixteen cuts are 128 bytes
	VPCMPQ       $5, 128(SI)(BX*1), Z0, K1
	VPCMPQ       $5, 192(SI)(BX*1), Z0, K2
	KUNPCKBW     K1, K2, K1
	KMOVW        K1, CX
	POPCNTL      CX, CX
	SHRL         $3, BX
	ADDL         CX, BX
	CMPL         BX, R11
	CMOVLHI      R11, BX
	MOVB         BX, (R10)(R12*1)
	ADDQ         $2304, SI        // the size of a rankSlot64
	INCQ         R12

more:
	CMPQ       R12, R8
	JLT        rank
	VZEROUPPER
	RET
