//go:build !purego

#include "textflag.h"

// SIEVE leaves in AX the number of the leaf that a row, its ranks in Z1 and Z2, reaches in the tree at SI, whose wide
// splits are at R12. The decisions of these become the masks by which their sets of leaves are loaded and joined.
#define SIEVE \
	VMOVDQU64     (SI), Z0           \
	VPERMI2B      Z2, Z1, Z0         \
	VPCMPUB       $5, 64(SI), Z0, K1 \
	KMOVQ         K1, AX             \
	XORQ          376(SI), AX        \
	PEXTQ         (R12), AX, BX      \
	KMOVD         BX, K1             \
	KSHIFTRD      $8, K1, K2         \
	KSHIFTRD      $16, K1, K3        \
	KSHIFTRD      $24, K1, K4        \
	VMOVDQU64.Z   128(SI), K1, Z4    \
	VMOVDQU64.Z   192(SI), K2, Z5    \
	VPORQ         256(SI), Z4, K3, Z4 \
	VPORQ         320(SI), Z5, K4, Z5 \
	VPORQ         Z5, Z4, Z4         \
	VEXTRACTI64X4 $1, Z4, Y5         \
	VPOR          Y5, Y4, Y4         \
	VEXTRACTI128  $1, Y4, X5         \
	VPOR          X5, X4, X4         \
	VPSHUFD       $0x4E, X4, X5      \
	VPOR          X5, X4, X4         \
	VMOVQ         X4, BX             \
	ORQ           BX, AX             \
	NOTQ          AX                 \
	TZCNTQ        AX, AX

// func sieveWalk(trees *sieveTree, wide *uint64, leaves *[64]uint32, n int, row *rankRow, payloads *uint32)
TEXT ·sieveWalk(SB), NOSPLIT, $0-48
	MOVQ      trees+0(FP), SI
	MOVQ      wide+8(FP), R12
	MOVQ      leaves+16(FP), R9
	MOVQ      n+24(FP), CX
	MOVQ      row+32(FP), DX
	MOVQ      payloads+40(FP), DI
	VMOVDQU64 (DX), Z1
	VMOVDQU64 64(DX), Z2
	JMP       more

walk:
	SIEVE
	MOVL (R9)(AX*4), R8
	MOVL R8, (DI)
	ADDQ $384, SI           // the size of a sieveTree
	ADDQ $8, R12
	ADDQ $256, R9
	ADDQ $4, DI
	DECQ CX

more:
	TESTQ CX, CX
	JG    walk
	VZEROUPPER
	RET

// func sieveSum32(trees *sieveTree, wide *uint64, leaves *[64]uint32, n int, row *rankRow, sum float32) float32
TEXT ·sieveSum32(SB), NOSPLIT, $0-52
	MOVQ      trees+0(FP), SI
	MOVQ      wide+8(FP), R12
	MOVQ      leaves+16(FP), R9
	MOVQ      n+24(FP), CX
	MOVQ      row+32(FP), DX
	VMOVSS    sum+40(FP), X3
	VMOVDQU64 (DX), Z1
	VMOVDQU64 64(DX), Z2
	JMP       more

walk:
	SIEVE
	VADDSS (R9)(AX*4), X3, X3
	ADDQ   $384, SI
	ADDQ   $8, R12
	ADDQ   $256, R9
	DECQ   CX

more:
	TESTQ CX, CX
	JG    walk
	VMOVSS X3, ret+48(FP)
	VZEROUPPER
	RET

// func sieveSum64(trees *sieveTree, wide *uint64, leaves *[64]float64, n int, row *rankRow, sum float64) float64
TEXT ·sieveSum64(SB), NOSPLIT, $0-56
	MOVQ      trees+0(FP), SI
	MOVQ      wide+8(FP), R12
	MOVQ      leaves+16(FP), R9
	MOVQ      n+24(FP), CX
	MOVQ      row+32(FP), DX
	VMOVSD    sum+40(FP), X3
	VMOVDQU64 (DX), Z1
	VMOVDQU64 64(DX), Z2
	JMP       more

walk:
	SIEVE
	VADDSD (R9)(AX*8), X3, X3
	ADDQ   $384, SI
	ADDQ   $8, R12
	ADDQ   $512, R9
	DECQ   CX

more:
	TESTQ CX, CX
	JG    walk
	VMOVSD X3, ret+48(FP)
	VZEROUPPER
	RET
