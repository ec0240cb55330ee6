// FEW leaves in Z0 what the splits of the block at SI ask for, of a row whose ranks are in Z1 and Z2; MANY of one whose
// ranks are in Z8 and Z9 as well, by the highest bit of a slot. MANY clobbers Z7 and K2.
#define FEW \
	VMOVDQU64 (SI), Z0   \
	VPERMI2B  Z2, Z1, Z0

#define MANY \
	VMOVDQU64 (SI), Z0       \
	VPMOVB2M  Z0, K2         \
	VMOVDQA64 Z0, Z7         \
	VPERMI2B  Z2, Z1, Z0     \
	VPERMI2B  Z9, Z8, Z7     \
	VMOVDQU8  Z7, K2, Z0

// LOADROW loads the row of ranks at DX. Z is set when it has no more than FEW takes.
#define LOADROW \
	VMOVDQU64 (DX), Z1    \
	VMOVDQU64 64(DX), Z2  \
	VMOVDQU64 128(DX), Z8 \
	VMOVDQU64 192(DX), Z9 \
	CMPB      256(DX), $0
