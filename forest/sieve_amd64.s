//go:build !purego

#include "textflag.h"
#include "ranks_amd64.h"

// SIEVE leaves in AX the place of the leaf that a row reaches in the tree at SI; Z0 has what its splits ask for. Each word of
// runs is left with what is not taken away by it, or by the decisions themselves: all but the runs in which a
// carry has begun.
#define SIEVE \
	VPCMPUB       $5, 64(SI), Z0, K1 \
	KMOVQ         K1, AX             \
	XORQ          248(SI), AX        \
	VPBROADCASTQ  AX, Z4             \
	VMOVDQU64     192(SI), Z6        \
	VPANDQ        128(SI), Z4, Z5    \
	VPADDQ        Z6, Z5, Z5         \
	VPTERNLOGQ    $0x0D, Z6, Z5, Z4  \
	VEXTRACTI64X4 $1, Z4, Y5         \
	VPAND         Y5, Y4, Y4         \
	VEXTRACTI128  $1, Y4, X5         \
	VPAND         X5, X4, X4         \
	VPSHUFD       $0x4E, X4, X5      \
	VPAND         X5, X4, X4         \
	VMOVQ         X4, AX             \
	LZCNTQ        AX, AX

// func sieveWalk(trees *sieveTree, leaves *[64]uint32, n int, row *rankRow, payloads *uint32)
TEXT ·sieveWalk(SB), NOSPLIT, $0-40
	MOVQ    trees+0(FP), SI
	MOVQ    leaves+8(FP), R9
	MOVQ    n+16(FP), CX
	MOVQ    row+24(FP), DX
	MOVQ    payloads+32(FP), DI
	TESTQ   CX, CX
	JLE     done
	LOADROW
	JNE     many

	PCALIGN $64

few:
	FEW
	SIEVE
	MOVL  (R9)(AX*4), R8
	MOVL  R8, (DI)
	ADDQ  $256, SI // the size of a sieveTree
	ADDQ  $256, R9
	ADDQ  $4, DI
	DECQ  CX
	JG    few
	JMP   done

	PCALIGN $64

many:
	MANY
	SIEVE
	MOVL  (R9)(AX*4), R8
	MOVL  R8, (DI)
	ADDQ  $256, SI
	ADDQ  $256, R9
	ADDQ  $4, DI
	DECQ  CX
	JG    many

done:
	VZEROUPPER
	RET

// func sieveSum32(trees *sieveTree, leaves *[64]uint32, n int, row *rankRow, sum float32) float32
TEXT ·sieveSum32(SB), NOSPLIT, $0-44
	MOVQ    trees+0(FP), SI
	MOVQ    leaves+8(FP), R9
	MOVQ    n+16(FP), CX
	MOVQ    row+24(FP), DX
	VMOVSS  sum+32(FP), X3
	TESTQ   CX, CX
	JLE     done
	LOADROW
	JNE     many

	PCALIGN $64

few:
	FEW
	SIEVE
	VADDSS (R9)(AX*4), X3, X3
	ADDQ   $256, SI
	ADDQ   $256, R9
	DECQ   CX
	JG     few
	JMP    done

	PCALIGN $64

many:
	MANY
	SIEVE
	VADDSS (R9)(AX*4), X3, X3
	ADDQ   $256, SI
	ADDQ   $256, R9
	DECQ   CX
	JG     many

done:
	VMOVSS     X3, ret+40(FP)
	VZEROUPPER
	RET

// func sieveSum64(trees *sieveTree, leaves *[64]float64, n int, row *rankRow, sum float64) float64
TEXT ·sieveSum64(SB), NOSPLIT, $0-48
	MOVQ    trees+0(FP), SI
	MOVQ    leaves+8(FP), R9
	MOVQ    n+16(FP), CX
	MOVQ    row+24(FP), DX
	VMOVSD  sum+32(FP), X3
	TESTQ   CX, CX
	JLE     done
	LOADROW
	JNE     many

	PCALIGN $64

few:
	FEW
	SIEVE
	VADDSD (R9)(AX*8), X3, X3
	ADDQ   $256, SI
	ADDQ   $512, R9
	DECQ   CX
	JG     few
	JMP    done

	PCALIGN $64

many:
	MANY
	SIEVE
	VADDSD (R9)(AX*8), X3, X3
	ADDQ   $256, SI
	ADDQ   $512, R9
	DECQ   CX
	JG     many

done:
	VMOVSD     X3, ret+40(FP)
	VZEROUPPER
	RET
