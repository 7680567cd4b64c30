package io.vela.router.branch;

import io.vela.router.room.Room;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/**
 * What all machines share.
 *
 * @param work what moves take
 * @param listener told of them
 * @param threads a virtual thread a task
 * @param scheduler time
 * @param starts one permit a clone or start at work
 * @param room one place a running instance
 * @param wakeTimeout how long each arrival waits
 * @param lettingGo how long the holders of revoked leases have to close them
 */
public record BranchContext(
    BranchWork work,
    BranchListener listener,
    Executor threads,
    Scheduler scheduler,
    StartPermits starts,
    Room room,
    Supplier<Duration> wakeTimeout,
    Duration lettingGo) {
  /** Does nothing for a while. */
  void pause(Duration time) throws InterruptedException {
    var over = new CountDownLatch(1);
    scheduler.after(time, over::countDown);
    over.await();
  }
}
