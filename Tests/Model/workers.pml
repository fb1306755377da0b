/*
 * The protocol of worker processes, for spin (https://spinroot.com): scripts/check-model searches every interleaving of it.
 *
 * A client announces work on two chunks, in one snapshot, and withdraws it when nothing is left; it may lose the snapshot, and then
 * announces the work again in another one. Worker processes (WORKERS, one or two) take part: each claims chunks in transactions that begin with the fence.
 * Clients and workers may die between any two steps, or stand still for any time and go on; a client may lose its lock without noticing.
 * A second client takes the run over. An operator may give the run up, and begin another one on the same target.
 *
 * What must hold:
 *   - what is committed belongs to the run, the client and the announcement that stand;
 *   - when a stage is over, each chunk's rows are on the target once, and all of them are those of one snapshot.
 *
 * Each macro below takes one rule away; the search must then find a violation (a model that cannot fail shows nothing):
 *   NO_EPOCH         the fence does not look at the epoch
 *   NO_ANNOUNCEMENT  a worker's fence does not look at the announcement
 *   NO_WAIT          a client withdraws an announcement that workers still hold
 *   SAME_EPOCHS      another run counts its epochs and announcements from the beginning again
 */

#define CHUNKS 2
#ifndef WORKERS
#define WORKERS 1
#endif
#define PROCESSES 4 /* two clients, then two workers */
#define FREE 255

/* The target: the ledger, and how many times a chunk's rows are there. */
byte runId = 1;
byte epoch = 0;
byte announced = 0;      /* the number of the announcement; 0: nothing is announced */
bool isClosed = false;
byte snapshot = 0;       /* the one that is announced */
bool isDue[CHUNKS];
bool hasBase[CHUNKS];
byte mark[CHUNKS];
byte rows[CHUNKS];

byte lastNumber = 0;
byte lastSnapshot = 0;

/* Locks: of the run's row and of the announcement's (shared), of the chunks' rows, and the run's own. */
bool sharesRun[PROCESSES];
bool sharesWork[PROCESSES];
byte claimedBy[CHUNKS] = FREE;
byte lockHolder = FREE;
bool isConnected[PROCESSES];

#define nobodySharesRun (!sharesRun[0] && !sharesRun[1] && !sharesRun[2] && !sharesRun[3])
#define nobodySharesWork (!sharesWork[2] && !sharesWork[3])

#define freed(c, p) (claimedBy[c] == p -> FREE : claimedBy[c])

inline release(p) {
    sharesRun[p] = false; sharesWork[p] = false; claimedBy[0] = freed(0, p); claimedBy[1] = freed(1, p)
}

/* The server ends a session: its transaction is rolled back. Its process may connect again. */
inline endSession(p) { isConnected[p] = false; release(p) }

inline endOthers() {
    if
    :: me == 0 -> endSession(1); endSession(2); endSession(3)
    :: me == 1 -> endSession(0); endSession(2); endSession(3)
    fi
}

/* Claims a chunk that is due and free; the transaction ends if there is none. */
inline claim(found) {
    found = FREE;
    if
    :: isDue[0] && claimedBy[0] == FREE -> found = 0; claimedBy[0] = me
    :: isDue[1] && claimedBy[1] == FREE -> found = 1; claimedBy[1] = me
    :: else -> release(me)
    fi
}

/* The chunk's rows of this process's snapshot, with the ledger's row. */
inline commit(c) {
    if
    :: hasBase[c] /* the rows are replaced */
    :: else -> rows[c]++; hasBase[c] = true
    fi;
    mark[c] = mySnapshot; isDue[c] = false;
    release(me)
}

#ifdef NO_EPOCH
#define isOfEpoch true
#else
#define isOfEpoch (epoch == myEpoch)
#endif

#ifdef NO_ANNOUNCEMENT
#define stands true
#else
#define stands (announced == myNumber && !isClosed)
#endif

proctype Worker(byte me) {
    byte myRun, myEpoch, myNumber, mySnapshot, c, claims;

    /* Joins, and reads what is announced. It may wait for ever. */
endWaiting:
    atomic {
        announced != 0 && !isClosed;
        myRun = runId; myEpoch = epoch; myNumber = announced; mySnapshot = snapshot; isConnected[me] = true
    }
    do
    :: claims == 3 -> break
    :: else ->
        claims++;
        atomic {
            /* A lost session is opened again under the same name. */
            isConnected[me] = true;
            if
            :: isOfEpoch && stands && announced != 0 -> sharesRun[me] = true; sharesWork[me] = true; claim(c)
            :: else -> /* What is announced now, if anything is. */
                if
                :: announced != 0 && !isClosed && epoch == myEpoch && runId == myRun ->
                    myNumber = announced; mySnapshot = snapshot; c = FREE
                :: else -> goto dead
                fi
            fi
        }
        if
        :: c != FREE ->
            if
            :: true
            :: goto dead
            fi;
            atomic {
                if
                :: isConnected[me] && claimedBy[c] == me ->
                    assert(runId == myRun && epoch == myEpoch);
                    assert(announced == myNumber && snapshot == mySnapshot);
                    commit(c)
                :: else
                fi
            }
        :: else
        fi
    od;
dead:
    atomic { endSession(me) }
}

/* Ends the client wherever it is: it dies, or it goes on without its lock. */
inline mayDie() {
    if
    :: true
    :: atomic { lockHolder == me -> lockHolder = FREE }
    :: goto dead
    fi
}

proctype Client(byte me) {
    byte myRun, myEpoch, mySnapshot, c, losses;
    bool seenDue;

    if
    :: atomic { lockHolder == FREE -> lockHolder = me; myRun = runId; isConnected[me] = true }
    :: lockHolder != FREE -> goto dead
    fi;
    atomic { endOthers() }
    atomic {
        nobodySharesRun;
        if
        :: runId != myRun -> goto dead
        :: else
        fi;
        epoch++; myEpoch = epoch; announced = 0
    }
    mayDie();
again:
    atomic {
        if
        :: isOfEpoch ->
            lastNumber++; announced = lastNumber; isClosed = false;
            lastSnapshot++; snapshot = lastSnapshot; mySnapshot = snapshot;
            isDue[0] = true; isDue[1] = true
        :: else -> goto dead
        fi
    }
    do
    :: true ->
        /* Works on a chunk. */
        atomic {
            isConnected[me] = true;
            if
            :: isOfEpoch -> sharesRun[me] = true; claim(c)
            :: else -> goto dead
            fi
        }
        if
        :: c != FREE ->
            mayDie();
            atomic {
                if
                :: isConnected[me] && claimedBy[c] == me ->
                    assert(runId == myRun && epoch == myEpoch);
                    commit(c)
                :: else
                fi
            }
        :: else ->
            /* Nothing is left to claim. Withdraws the work if that holds elsewhere as well: a look, then a lock without waiting. */
            atomic { seenDue = isDue[0] || isDue[1] }
            atomic {
                if
                :: !isOfEpoch -> goto dead
                :: else
                fi;
                if
                :: !seenDue && nobodySharesWork -> announced = 0; break
                :: else
                fi
            }
        fi
    :: losses == 0 ->
        /* The snapshot is lost: closes the announcement, waits for what is held of it, and begins again. */
        losses++;
        atomic {
            if
            :: isOfEpoch -> isClosed = true
            :: else -> goto dead
            fi
        }
        mayDie();
        atomic {
#ifndef NO_WAIT
            nobodySharesWork;
#endif
            if
            :: isOfEpoch -> announced = 0
            :: else -> goto dead
            fi
        }
        goto again
    od;
    atomic {
        if
        :: runId == myRun && epoch == myEpoch ->
            assert(!isDue[0] && !isDue[1]);
            assert(mark[0] == mySnapshot && mark[1] == mySnapshot);
            assert(rows[0] == 1 && rows[1] == 1)
        :: else
        fi
    }
dead:
    atomic {
        endSession(me);
        if
        :: lockHolder == me -> lockHolder = FREE
        :: else
        fi
    }
}

/* Gives the run up, empties the target, and lets another one begin; dropping the ledger waits for all who have locked its rows. */
proctype Operator() {
    if
    :: atomic {
           lockHolder == FREE && nobodySharesRun;
           runId = 2; announced = 0; isClosed = false;
#ifdef SAME_EPOCHS
           epoch = 0; lastNumber = 0;
#else
           epoch = 100;
#endif
           isDue[0] = false; isDue[1] = false; hasBase[0] = false; hasBase[1] = false;
           mark[0] = 0; mark[1] = 0; rows[0] = 0; rows[1] = 0
       }
    :: true
    fi
}

init {
    atomic {
        run Client(0); run Client(1); run Worker(2);
#if WORKERS == 2
        run Worker(3);
#endif
        run Operator()
    }
}
