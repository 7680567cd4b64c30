package io.vela.router;

import io.vela.router.SessionRouter.SessionLabel;
import io.vela.router.branch.BranchLease;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;

/** A fake client's session, quiet from the beginning and ready for all. A test scripts it. */
public final class FakeSession implements BranchSession {
  /** What the branch has asked of it, in order. */
  public final List<String> calls = new CopyOnWriteArrayList<>();

  /** Why it was ended; completes when it is. */
  public final CompletableFuture<RouteFailure> ended = new CompletableFuture<>();

  /** What it answers. */
  public volatile Supplier<CompletionStage<Optional<Veto>>> onPrepare = FakeSession::ready;

  public volatile Supplier<CompletionStage<Optional<Veto>>> onConfirm = FakeSession::ready;

  private final SessionLabel label;
  private final Clock clock;
  private Optional<BranchLease> lease = Optional.empty();
  private Activity activity;

  FakeSession(SessionLabel label, Clock clock) {
    this.label = label;
    this.clock = clock;
    this.activity =
        new Activity(State.STARTING, clock.instant(), Optional.empty(), Optional.empty());
  }

  public static CompletionStage<Optional<Veto>> ready() {
    return CompletableFuture.completedStage(Optional.empty());
  }

  /** Answers that it cannot. */
  public static Supplier<CompletionStage<Optional<Veto>>> veto(String reason) {
    return () -> CompletableFuture.completedStage(Optional.of(new Veto(reason, "a test")));
  }

  /** It has a backend. */
  synchronized void attach(BranchLease got) {
    lease = Optional.of(got);
    var _ = got.revoked().thenAccept(this::end);
    isQuiet();
  }

  /** Its client has sent something. */
  public synchronized void isAtWork() {
    activity = new Activity(State.ACTIVE, clock.instant(), Optional.empty(), Optional.empty());
  }

  /** Its client wants nothing from now on. */
  public synchronized void isQuiet() {
    var now = clock.instant();
    activity = new Activity(State.IDLE, now, Optional.of(now), Optional.empty());
  }

  /** Its client goes away. */
  public void disconnect() {
    letGo();
  }

  private void letGo() {
    Optional<BranchLease> had;
    synchronized (this) {
      had = lease;
      lease = Optional.empty();
    }
    had.ifPresent(BranchLease::close);
  }

  /** What it was asked how often. */
  public long count(String call) {
    return calls.stream().filter(call::equals).count();
  }

  @Override
  public SessionLabel label() {
    return label;
  }

  @Override
  public synchronized Activity activity() {
    return activity;
  }

  @Override
  public CompletionStage<Optional<Veto>> prepareToPark() {
    calls.add("prepare");
    return onPrepare.get();
  }

  @Override
  public CompletionStage<Optional<Veto>> confirmParking() {
    calls.add("confirm");
    return onConfirm.get();
  }

  @Override
  public void park() {
    calls.add("park");
    Instant now = clock.instant();
    synchronized (this) {
      activity = new Activity(State.PARKED, now, activity.quietSince(), Optional.empty());
    }
    letGo();
  }

  @Override
  public void resume() {
    calls.add("resume");
  }

  @Override
  public void end(RouteFailure reason) {
    ended.complete(reason);
    letGo();
  }
}
