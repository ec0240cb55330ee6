// Package libm computes elementary functions with the very bits of the C library that the training
// libraries call, which Go's math package does not always give: math.Exp differs from it in one
// argument out of seven, in the last place.
//
// The reference is the GNU C library 2.36 on x86-64 with FMA, rounding to nearest. Every result here has
// its bits, for every argument, on every platform: subnormals, overflow, the sign of zero, and the sign and
// payload of a NaN. A C library built or run without FMA gives other last bits for the float64 functions.
//
// So the order of operations is part of the result. math.FMA stands where the C library fuses, and a
// product that is rounded before it is added says so with a conversion, float64(a*b), because Go may fuse a
// bare a*b + c on some platforms, across statements and inlined calls too.
//
// ExpFmath is no function of the C library, but of fmath, for the one training library that takes it from there.
//
// Expf, Logf and Exp follow the algorithms and coefficients of Arm Optimized Routines, Log1p those of
// FreeBSD's msun, ExpFmath those of MITSUNARI Shigeo's fmath. NOTICE has their licences.
package libm

//go:generate go run gen.go
