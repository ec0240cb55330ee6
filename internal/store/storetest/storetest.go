// Package storetest is the suite that every store.Store must pass.
package storetest

import (
	"testing"

	"github.com/besra-ml/besra/internal/store"
)

// A test holds one promise against an empty store.
type test struct {
	name string
	run  func(t *testing.T, s store.Store)
}

func run(t *testing.T, tests []test, open func(t *testing.T) store.Store) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// Run holds a store against what every store promises. open returns an empty store, large enough for some thousand
// states and answers that nothing is forgotten, and ends it with the test.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	run(t, []test{
		{"a first claim wins and a second is answered", aSecondClaimIsAnswered},
		{"an answer may be empty", anAnswerMayBeEmpty},
		{"an answer is appended", anAnswerIsAppended},
		{"another digest is a reused key", anotherDigestIsReused},
		{"a claim under way is pending for who does not wait", aClaimIsPending},
		{"who waits gets the answer", whoWaitsGetsTheAnswer},
		{"one who waits wins an abandoned claim", oneWaiterWins},
		{"the end of a wait is the waiter's own", aWaitEndsAlone},
		{"nobody waits when the context has ended", anEndedContextDoesNotWait},
		{"only the winner ends a claim", onlyTheWinnerEnds},
		{"of many claims at once one wins", oneOfManyWins},
		{"a change is seen by who comes after", aChangeIsSeen},
		{"what is only read stays as it is", whatIsReadStays},
		{"what is released has never been", releasedHasNeverBeen},
		{"a change can be undone, whatever came after it", aChangeCanBeUndone},
		{"a key twice in a lease is refused", aKeyTwiceIsRefused},
		{"a lease is held once", aLeaseIsHeldOnce},
		{"an ended context leases nothing", anEndedContextLeasesNothing},
		{"the arguments stay the caller's", argumentsStayTheCallers},
		{"all leases see one order", allSeeOneOrder},
		{"a group has one number", aGroupHasOneNumber},
	}, open)
}

// RunExclusive holds a store of one process against what it promises beyond that.
func RunExclusive(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	run(t, []test{
		{"a state comes back as it was advanced", aStateComesBack},
		{"what is not marked is not stored", unmarkedIsNotStored},
		{"what is released is not stored", releasedIsNotStored},
		{"a state grows and shrinks", aStateGrowsAndShrinks},
		{"an empty state is none", anEmptyStateIsNone},
		{"leases exclude one another", leasesExclude},
		{"the states of a lease change together", statesChangeTogether},
		{"many states stay apart", manyStatesStayApart},
	}, open)
}

// RunShared holds a store that processes share against what it promises beyond that. open returns, of one empty
// store, what n processes have of it.
func RunShared(t *testing.T, open func(t *testing.T, n int) []store.Shared) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, a, b store.Shared)
	}{
		{"a change of one tag counts once", oneTagCountsOnce},
		{"a tag that was released counts again", aReleasedTagCountsAgain},
		{"a tag counts once after it was folded", aFoldedTagCountsOnce},
		{"a claim and a lease begin together", claimAndLeaseBegin},
		{"a claim that is lost leases nothing", aLostClaimLeasesNothing},
		{"processes see one order", processesSeeOneOrder},
		{"an answer is every process's", anAnswerIsEverybodys},
		{"of many processes' claims at once one wins", oneOfAllWins},
		{"a claim whose winner is gone expires, and its late answer is refused", aClaimExpires},
	} {
		t.Run(test.name, func(t *testing.T) {
			two := open(t, 2)
			test.run(t, two[0], two[1])
		})
	}
}
