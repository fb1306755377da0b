import Glibc

/// A serial executor that owns exactly one thread.
///
/// libpq blocks. Swift's cooperative pool has one thread per core, so blocked calls there starve timers, signals and
/// progress. A separate thread avoids that.
///
/// `@unchecked Sendable`: `jobs` and `isStopping` are only accessed while `mutex` is held, `thread` only by the owner.
final class ThreadExecutor: SerialExecutor, @unchecked Sendable {
    // On the heap, because pthread objects need a stable address.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs: [UnownedJob] = []
    private var isStopping = false
    private var thread = pthread_t()

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, 1 << 20)
        // The thread keeps the executor alive until `stop()` has ended it.
        let retained = Unmanaged.passRetained(self)
        let status = pthread_create(
            &thread,
            &attributes,
            { argument in
                guard let argument else { return nil }
                Unmanaged<ThreadExecutor>.fromOpaque(argument).takeRetainedValue().runJobs()
                return nil
            },
            retained.toOpaque()
        )
        precondition(status == 0, "the operating system refused a thread (pthread_create: \(status))")
        pthread_attr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        pthread_mutex_lock(mutex)
        jobs.append(unowned)
        // Signal while the mutex is held: once it is released, the thread may run this job, and if that is the last one
        // the executor and its condition may no longer exist.
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Runs the jobs already queued, then ends the thread.
    func stop() {
        pthread_mutex_lock(mutex)
        isStopping = true
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
        if pthread_equal(pthread_self(), thread) != 0 {
            pthread_detach(thread)
        } else {
            pthread_join(thread, nil)
        }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    func isIsolatingCurrentContext() -> Bool? {
        pthread_equal(pthread_self(), thread) != 0
    }

    func checkIsolated() {
        precondition(pthread_equal(pthread_self(), thread) != 0, "a connection was used outside its own thread")
    }

    private func runJobs() {
        var batch: [UnownedJob] = []
        while true {
            pthread_mutex_lock(mutex)
            while jobs.isEmpty && !isStopping { pthread_cond_wait(condition, mutex) }
            if jobs.isEmpty {
                pthread_mutex_unlock(mutex)
                return
            }
            swap(&jobs, &batch)
            pthread_mutex_unlock(mutex)
            for job in batch {
                job.runSynchronously(on: asUnownedSerialExecutor())
            }
            batch.removeAll(keepingCapacity: true)
        }
    }
}
