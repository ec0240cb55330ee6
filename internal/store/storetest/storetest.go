// Package storetest is the suite that every store.Store must pass.
package storetest

import (
	"testing"

	"github.com/besra-ml/besra/internal/store"
)

// Run runs the suite. open returns an empty store, large enough for some thousand states and answers that nothing
// is forgotten, and ends it with the test.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s store.Store)
	}{
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
		{"a state comes back as it was advanced", aStateComesBack},
		{"what is not marked is not stored", unmarkedIsNotStored},
		{"what is released is not stored", releasedIsNotStored},
		{"a state grows and shrinks", aStateGrowsAndShrinks},
		{"an empty state is none", anEmptyStateIsNone},
		{"a key twice in a lease is refused", aKeyTwiceIsRefused},
		{"a lease is held once", aLeaseIsHeldOnce},
		{"an ended context leases nothing", anEndedContextLeasesNothing},
		{"the arguments stay the caller's", argumentsStayTheCallers},
		{"leases exclude one another", leasesExclude},
		{"the states of a lease change together", statesChangeTogether},
		{"many states stay apart", manyStatesStayApart},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}
