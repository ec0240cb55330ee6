//go:build !purego

#include "textflag.h"

// func decideBytes(blocks *byteBlock, n int, row *rankRow, words *uint64)
TEXT ·decideBytes(SB), NOSPLIT, $0-32
	MOVQ      blocks+0(FP), SI
	MOVQ      n+8(FP), CX
	MOVQ      row+16(FP), DX
	MOVQ      words+24(FP), DI
	VMOVDQU64 (DX), Z1
	VMOVDQU64 64(DX), Z2
	JMP       more

decide:
	VMOVDQU64 (SI), Z0
	VPERMI2B  Z2, Z1, Z0
	VPCMPUB   $5, 64(SI), Z0, K1 // where the row's rank is not below
	KMOVQ     K1, (DI)
	ADDQ      $128, SI           // the size of a byteBlock
	ADDQ      $8, DI
	DECQ      CX

more:
	TESTQ CX, CX
	JG    decide
	VZEROUPPER
	RET
