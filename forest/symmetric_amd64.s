//go:build !purego

#include "textflag.h"
#include "ranks_amd64.h"

// func decideBytes(blocks *byteBlock, n int, row *rankRow, words *uint64)
TEXT ·decideBytes(SB), NOSPLIT, $0-32
	MOVQ    blocks+0(FP), SI
	MOVQ    n+8(FP), CX
	MOVQ    row+16(FP), DX
	MOVQ    words+24(FP), DI
	TESTQ   CX, CX
	JLE     done
	LOADROW
	JNE     many

	PCALIGN $64

few:
	FEW
	VPCMPUB $5, 64(SI), Z0, K1 // where the row's rank is not below
	KMOVQ   K1, (DI)
	ADDQ    $128, SI           // the size of a byteBlock
	ADDQ    $8, DI
	DECQ    CX
	JG      few
	JMP     done

	PCALIGN $64

many:
	MANY
	VPCMPUB $5, 64(SI), Z0, K1
	KMOVQ   K1, (DI)
	ADDQ    $128, SI
	ADDQ    $8, DI
	DECQ    CX
	JG      many

done:
	VZEROUPPER
	RET
