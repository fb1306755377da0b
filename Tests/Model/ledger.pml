/*
 * The protocol of the ledger, for spin (https://spinroot.com): scripts/check-model searches every interleaving of it.
 *
 * Two chunks of one row each. Transactions of applications (WRITERS, one or two) write on the source, at any time, also while it is thought to be
 * closed. One client copies ahead, cuts over and cuts over again, and another one does the first two; either may die between any two steps, or lose its lock without
 * noticing and go on (a zombie). Others may write on the target at any time.
 *
 * What must hold:
 *   - green implies that target and source are equal at the snapshot of the cutover;
 *   - what others have written on the target is not overwritten.
 *
 * Each macro below takes one rule away; the search must then find a violation (a model that cannot fail shows nothing):
 *   NO_FENCE        a worker commits without looking at the epoch
 *   MARK_BY_XMAX    the mark is the snapshot's xmax: transactions in flight are forgotten
 *   NO_QUIET        the verdict does not ask whether anything was written since the snapshot
 *   NO_OWNERS       rows are deleted without asking whose they are
 *   NO_TARGET_LOOK  an earlier proof counts although the target's rows were written since
 *   COUNTERS_LATE   the counters are read after the snapshot whose mark they go with
 *   COUNTERS_HELD   counts that sessions have not handed in are not waited for
 */

#define CHUNKS 2
#ifndef CALLS
#define CALLS 2
#endif
#ifndef WRITERS
#define WRITERS 1
#endif
#define FREE 255

/* The source. An id is handed out when a transaction begins; a row shows the id of its last writer (xmin). */
byte value[CHUNKS];
byte writer[CHUNKS];
byte nextId = 1;
bool inFlight[WRITERS + 2];
/* The counters of rows written, and counts that a session has not handed in. */
byte counter[CHUNKS];
byte heldBack = 0;

/* The target: rows, and the ledger, which commits with them. */
byte copy[CHUNKS];
bool foreign[CHUNKS];
bool hasBase[CHUNKS];
byte mark[CHUNKS];
byte passOf[CHUNKS];
byte proof[CHUNKS];      /* the mark at which the chunk was proven; 0: it is not */
byte kept[CHUNKS];       /* the counter that goes with the mark */
byte epoch = 0;
byte pass = 1;
bool isBuilt = false;
byte lockHolder = FREE;

inline xmin(result) {
    result = nextId;
    for (i : 1 .. WRITERS) {
        if
        :: inFlight[i] && i < result -> result = i
        :: else
        fi
    }
#ifdef MARK_BY_XMAX
    result = nextId;
#endif
    i = 0
}

proctype Application() {
    byte id, c;
    if
    :: c = 0
    :: c = 1
    fi;
    atomic { id = nextId; nextId++; inFlight[id] = true }
    if
    :: atomic { /* commits; the counts are handed in later */
           value[c]++; writer[c] = id; inFlight[id] = false; heldBack++ }
       atomic { counter[c]++; heldBack-- }
    :: atomic { inFlight[id] = false } /* rolls back */
    fi
}

proctype Stranger() {
    byte c;
    if
    :: c = 0
    :: c = 1
    fi;
    if
    :: atomic { hasBase[c] -> foreign[c] = true; copy[c] = 99 }
    :: true
    fi
}

/* Ends the client wherever it is: it dies, or it goes on without its lock. */
inline mayDie() {
    if
    :: true
    :: atomic { lockHolder == me -> lockHolder = FREE }  /* a zombie */
    :: goto dead
    fi
}

/* Replaces a chunk's row if it was written since the mark; the row to delete must be this run's own. */
inline replace() {
    if
    :: !hasBase[c] || readWriter[c] >= mark[c] ->
#ifndef NO_OWNERS
        if
        :: foreign[c] -> goto dead
        :: else
        fi;
#endif
        assert(!foreign[c]);  /* what others have written is not overwritten */
        copy[c] = read[c]; proof[c] = 0
    :: else
    fi
}

/* What others write after the verdict was passed on a chunk is theirs to know. */
#define isEqual(c) (copy[c] == read[c] || foreign[c] && judged[c] == read[c])

#ifdef NO_TARGET_LOOK
#define isAsProven true
#else
#define isAsProven (!foreign[c])
#endif

#ifdef NO_FENCE
#define mayCommit true
#else
#define mayCommit (epoch == mine)
#endif

proctype Client(byte me; byte calls) {
    byte mine, c, i, seen, s, snapshotNext, myPass, rounds;
    byte read[CHUNKS];
    byte readWriter[CHUNKS];
    byte before[CHUNKS];
    byte judged[CHUNKS];     /* the target's row when the verdict was passed on it; others may write it afterwards */
    bool counted, isGreen;

    do
    :: rounds == calls -> break
    :: else ->
        rounds++;
        /* Takes the run over: first the lock, then the epoch. */
        if
        :: atomic { lockHolder == FREE -> lockHolder = me }
        :: lockHolder != FREE -> goto dead
        fi;
        atomic { epoch++; mine = epoch }
        mayDie();

        if
        :: !isBuilt ->
            /* Copies ahead, each chunk in a snapshot of its own. */
            c = 0;
            do
            :: c == CHUNKS -> break
            :: else ->
#ifdef COUNTERS_LATE
                atomic { xmin(s); read[c] = value[c]; readWriter[c] = writer[c] }
                before[c] = counter[c];
#else
                before[c] = counter[c];
                atomic {
                    xmin(s);
                    read[c] = value[c]; readWriter[c] = writer[c] }
#endif
                mayDie();
                atomic {
                    if
                    :: mayCommit ->
                        replace();
                        hasBase[c] = true; mark[c] = s; kept[c] = before[c]
                    :: else -> goto dead
                    fi
                }
                /* Proves it ahead: both sides are read, then the proof is recorded if the chunk is as it was. */
                if
                :: atomic { xmin(seen); isGreen = (copy[c] == value[c]) }
                   mayDie();
                   atomic {
                       if
                       :: mayCommit && isGreen && mark[c] == s -> proof[c] = seen
                       :: else
                       fi
                   }
                :: true
                fi;
                c++
            od
        :: else
        fi;

        /* Cuts over. */
        atomic {
            if
            :: mayCommit -> isBuilt = false; pass++; myPass = pass
            :: else -> goto dead
            fi
        }
        /* The snapshot is good if nobody is writing; otherwise the cutover waits, here until another time. */
        atomic {
            xmin(s);
            if
            :: s == nextId -> snapshotNext = nextId
            :: else -> goto dead
            fi;
            read[0] = value[0]; readWriter[0] = writer[0]; read[1] = value[1]; readWriter[1] = writer[1];
#ifdef COUNTERS_HELD
            counted = true;
#else
            counted = (heldBack == 0);
#endif
            before[0] = counter[0]; before[1] = counter[1]
        }
        c = 0;
        do
        :: c == CHUNKS -> break
        :: else ->
            if
            :: true
            :: atomic { lockHolder == me -> lockHolder = FREE }
            :: goto dead
            fi;
            atomic {
                if
                :: !mayCommit -> goto dead
                :: else
                fi;
                if
                :: passOf[c] == myPass /* done by a call that was killed */
                :: else ->
                    if
                    :: counted && hasBase[c] && before[c] == kept[c] /* the counters say that nothing was written: not read */
                    :: else ->
                        replace();
                        hasBase[c] = true; mark[c] = s;
                        kept[c] = (counted -> before[c] : 254)
                    fi;
                    passOf[c] = myPass
                fi
            }
            c++
        od;
        atomic {
            if
            :: mayCommit -> isBuilt = true
            :: else -> goto dead
            fi
        }
        /* The proof: by an earlier proof and nothing written since, by counters, or by comparing. */
        isGreen = true;
        c = 0;
        do
        :: c == CHUNKS -> break
        :: else ->
            atomic {
                if
                :: proof[c] != 0 && readWriter[c] < proof[c] && isAsProven
                :: counted && proof[c] != 0 && before[c] == kept[c] && isAsProven
                :: else -> isGreen = isGreen && (copy[c] == read[c])
                fi;
                judged[c] = copy[c]
            }
            c++
        od;
        /* Quiet: no id was handed out since the snapshot. */
        atomic {
#ifndef NO_QUIET
            isGreen = isGreen && (nextId == snapshotNext);
#endif
            read[0] = value[0]; read[1] = value[1]
        }
        atomic {
            if
            :: mayCommit && isGreen ->
                /* Green: both sides were equal at the snapshot, and still were when the source was found quiet. */
                assert(isEqual(0) && isEqual(1))
            :: else
            fi;
            if
            :: lockHolder == me -> lockHolder = FREE
            :: else
            fi
        }
    od;
dead:
    atomic {
        if
        :: lockHolder == me -> lockHolder = FREE
        :: else
        fi
    }
}

init {
    atomic {
        run Application();
#if WRITERS == 2
        run Application();
#endif
        run Stranger();
        run Client(0, CALLS); run Client(1, 1)
    }
}
