//go:build !purego

#include "textflag.h"

// func maskRank(slots *maskSlot, sources *uint32, n int, keys *int64, ranks *[128]uint8)
//
// The rank of a key is the number of cuts that are not above it: sixteen for each pivot not above it, and
// those of the sixteen cuts that follow. No slot has more than 255, but the missing value that is above all
// is above the padding as well, so 255 is the most that is written.
TEXT ·maskRank(SB), NOSPLIT, $0-40
	MOVQ slots+0(FP), SI
	MOVQ sources+8(FP), DI
	MOVQ n+16(FP), R8
	MOVQ keys+24(FP), R9
	MOVQ ranks+32(FP), R10
	MOVL $255, R11
	XORQ R12, R12
	JMP  more

rank:
	MOVL         (DI)(R12*4), AX
	VPBROADCASTD 4(R9)(AX*8), Z0       // the upper half of a key
	VPCMPD       $5, (SI), Z0, K1      // key >= pivot
	KMOVW        K1, BX
	POPCNTL      BX, BX
	SHLL         $6, BX                // sixteen cuts are 64 bytes
	VPCMPD       $5, 64(SI)(BX*1), Z0, K2
	KMOVW        K2, CX
	POPCNTL      CX, CX
	SHRL         $2, BX
	ADDL         CX, BX
	CMPL         BX, R11
	CMOVLHI      R11, BX
	MOVB         BX, (R10)(R12*1)
	ADDQ         $1152, SI             // the size of a maskSlot
	INCQ         R12

more:
	CMPQ R12, R8
	JLT  rank
	VZEROUPPER
	RET

// WALK compares what every split asks for, a rank of the row, with the split's own: where it is not below, the row
// goes right. It leaves in BX the number of the leaf that a row, its ranks in Z1 and Z2, reaches in the tree at
// SI. Three levels of decisions are looked up at once, in maskUpper (R10) and in maskLower (R11).
#define WALK \
	VMOVDQU64 (SI), Z0           \
	VPERMI2B  Z2, Z1, Z0         \
	VPCMPUB   $5, 64(SI), Z0, K1 \
	KMOVQ     K1, AX             \
	MOVL      AX, BX             \
	ANDL      $127, BX           \
	MOVWLZX   (R10)(BX*2), BX    \
	SHRXQ     BX, AX, AX         \
	ANDL      $127, AX           \
	MOVBLZX   (R11)(AX*1), AX    \
	SHRL      $8, BX             \
	ADDL      AX, BX

// func maskWalk(trees *maskTree, leaves *maskLeaves, n int, ranks *[128]uint8, payloads *uint32)
TEXT ·maskWalk(SB), NOSPLIT, $0-40
	MOVQ      trees+0(FP), SI
	MOVQ      leaves+8(FP), R9
	MOVQ      n+16(FP), CX
	MOVQ      ranks+24(FP), DX
	MOVQ      payloads+32(FP), DI
	VMOVDQU64 (DX), Z1
	VMOVDQU64 64(DX), Z2
	LEAQ      ·maskUpper(SB), R10
	LEAQ      ·maskLower(SB), R11
	JMP       more

walk:
	WALK
	MOVL (R9)(BX*4), R8
	MOVL R8, (DI)
	ADDQ $128, SI           // the size of a maskTree
	ADDQ $256, R9           // the size of a maskLeaves
	ADDQ $4, DI
	DECQ CX

more:
	TESTQ CX, CX
	JG    walk
	VZEROUPPER
	RET

// func maskSum(trees *maskTree, leaves *maskLeaves, n int, ranks *[128]uint8, sum float32) float32
//
// The additions are a chain, but each is done while later trees are walked.
TEXT ·maskSum(SB), NOSPLIT, $0-44
	MOVQ      trees+0(FP), SI
	MOVQ      leaves+8(FP), R9
	MOVQ      n+16(FP), CX
	MOVQ      ranks+24(FP), DX
	VMOVSS    sum+32(FP), X3
	VMOVDQU64 (DX), Z1
	VMOVDQU64 64(DX), Z2
	LEAQ      ·maskUpper(SB), R10
	LEAQ      ·maskLower(SB), R11
	JMP       more

walk:
	WALK
	VADDSS (R9)(BX*4), X3, X3
	ADDQ   $128, SI
	ADDQ   $256, R9
	DECQ   CX

more:
	TESTQ CX, CX
	JG    walk
	VMOVSS X3, ret+40(FP)
	VZEROUPPER
	RET
