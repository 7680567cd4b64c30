package io.vela.router.branch;

import io.vela.agent.Endpoint;
import io.vela.agent.InstanceExit;
import io.vela.config.value.BranchName;
import io.vela.router.BranchSession;
import io.vela.router.RouteFailure;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;

/** A lease as its branch's machine knows it. */
final class HeldLease implements BranchLease {
  private final BranchMachine machine;
  private final BranchSession session;
  private final Endpoint endpoint;
  private final CompletionStage<InstanceExit> exit;
  private final CompletableFuture<RouteFailure> revoked = new CompletableFuture<>();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final CompletableFuture<Void> given = new CompletableFuture<>();

  HeldLease(
      BranchMachine machine,
      BranchSession session,
      Endpoint endpoint,
      CompletionStage<InstanceExit> exit) {
    this.machine = machine;
    this.session = session;
    this.endpoint = endpoint;
    this.exit = exit;
  }

  BranchSession session() {
    return session;
  }

  /** Completes once its holder has given it back. */
  CompletableFuture<Void> givenBack() {
    return given;
  }

  /** Never called under the machine's lock: the holder's reaction runs in here. */
  void revoke(RouteFailure reason) {
    revoked.complete(reason);
  }

  @Override
  public BranchName branch() {
    return machine.name();
  }

  @Override
  public Endpoint endpoint() {
    return endpoint;
  }

  @Override
  public CompletionStage<InstanceExit> instanceExit() {
    return exit;
  }

  @Override
  public CompletionStage<RouteFailure> revoked() {
    return revoked.minimalCompletionStage();
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      machine.release(this);
      given.complete(null);
    }
  }
}
