//go:build !purego

#include "textflag.h"
#include "ranks_amd64.h"

// WALK compares what every split asks for, a rank of the row, in Z0, with the split's own: where it is not below, the row
// goes right. It leaves in BX the number of the leaf that the row reaches in the tree at SI. Three levels of decisions are looked up at once, in maskUpper (R10) and in maskLower (R11).
#define WALK \
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

// func maskWalk(trees *byteBlock, leaves *[64]uint32, n int, row *rankRow, payloads *uint32)
TEXT ·maskWalk(SB), NOSPLIT, $0-40
	MOVQ    trees+0(FP), SI
	MOVQ    leaves+8(FP), R9
	MOVQ    n+16(FP), CX
	MOVQ    row+24(FP), DX
	MOVQ    payloads+32(FP), DI
	LEAQ    ·maskUpper(SB), R10
	LEAQ    ·maskLower(SB), R11
	TESTQ   CX, CX
	JLE     done
	LOADROW
	JNE     many

	PCALIGN $64

few:
	FEW
	WALK
	MOVL (R9)(BX*4), R8
	MOVL R8, (DI)
	ADDQ $128, SI // the size of a byteBlock
	ADDQ $256, R9 // of its leaves
	ADDQ $4, DI
	DECQ CX
	JG   few
	JMP  done

	PCALIGN $64

many:
	MANY
	WALK
	MOVL (R9)(BX*4), R8
	MOVL R8, (DI)
	ADDQ $128, SI
	ADDQ $256, R9
	ADDQ $4, DI
	DECQ CX
	JG   many

done:
	VZEROUPPER
	RET

// func maskSum32(trees *byteBlock, leaves *[64]uint32, n int, row *rankRow, sum float32) float32
//
// The additions are a chain, but each is done while later trees are walked.
TEXT ·maskSum32(SB), NOSPLIT, $0-44
	MOVQ    trees+0(FP), SI
	MOVQ    leaves+8(FP), R9
	MOVQ    n+16(FP), CX
	MOVQ    row+24(FP), DX
	VMOVSS  sum+32(FP), X3
	LEAQ    ·maskUpper(SB), R10
	LEAQ    ·maskLower(SB), R11
	TESTQ   CX, CX
	JLE     done
	LOADROW
	JNE     many

	PCALIGN $64

few:
	FEW
	WALK
	VADDSS (R9)(BX*4), X3, X3
	ADDQ   $128, SI
	ADDQ   $256, R9
	DECQ   CX
	JG     few
	JMP    done

	PCALIGN $64

many:
	MANY
	WALK
	VADDSS (R9)(BX*4), X3, X3
	ADDQ   $128, SI
	ADDQ   $256, R9
	DECQ   CX
	JG     many

done:
	VMOVSS     X3, ret+40(FP)
	VZEROUPPER
	RET

// func maskSum64(trees *byteBlock, leaves *[64]float64, n int, row *rankRow, sum float64) float64
TEXT ·maskSum64(SB), NOSPLIT, $0-48
	MOVQ    trees+0(FP), SI
	MOVQ    leaves+8(FP), R9
	MOVQ    n+16(FP), CX
	MOVQ    row+24(FP), DX
	VMOVSD  sum+32(FP), X3
	LEAQ    ·maskUpper(SB), R10
	LEAQ    ·maskLower(SB), R11
	TESTQ   CX, CX
	JLE     done
	LOADROW
	JNE     many

	PCALIGN $64

few:
	FEW
	WALK
	VADDSD (R9)(BX*8), X3, X3
	ADDQ   $128, SI
	ADDQ   $512, R9
	DECQ   CX
	JG     few
	JMP    done

	PCALIGN $64

many:
	MANY
	WALK
	VADDSD (R9)(BX*8), X3, X3
	ADDQ   $128, SI
	ADDQ   $512, R9
	DECQ   CX
	JG     many

done:
	VMOVSD     X3, ret+40(FP)
	VZEROUPPER
	RET
