package io.vela.proxy;

import io.vela.agent.Endpoint;
import io.vela.agent.InstanceExit;
import io.vela.agent.Role;
import io.vela.config.BackendPolicy;
import io.vela.config.ParkPolicy;
import io.vela.config.value.BranchName;
import io.vela.router.BranchSession;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.SessionRouter;
import io.vela.router.Target;
import io.vela.router.branch.BranchLease;
import io.vela.router.route.BranchAddress;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Supplier;

/** A fake router: every branch leads to one instance, unless the script says otherwise. */
public final class ScriptedRouter implements SessionRouter {
  public final Map<String, Role> roles = new ConcurrentHashMap<>();
  public final CopyOnWriteArrayList<CompletableFuture<BranchLease>> asked =
      new CopyOnWriteArrayList<>();
  public final CopyOnWriteArrayList<SessionLabel> labels = new CopyOnWriteArrayList<>();
  public final CopyOnWriteArrayList<Lease> leases = new CopyOnWriteArrayList<>();

  public final CopyOnWriteArrayList<BranchSession> sessions = new CopyOnWriteArrayList<>();

  public volatile ParkPolicy parking = ParkPolicy.DEFAULT;
  public volatile BackendPolicy backends = BackendPolicy.DEFAULT;
  public volatile int major = 18;
  public volatile Function<BranchAddress, Optional<RouteFailure>> refuses =
      address ->
          address.branch().isPresent()
              ? Optional.empty()
              : Optional.of(new RouteFailure.NoBranchNamed());
  public volatile Supplier<CompletableFuture<BranchLease>> wakes;

  public ScriptedRouter(Endpoint endpoint) {
    wakes = () -> CompletableFuture.completedFuture(newLease(endpoint));
  }

  public Lease newLease(Endpoint endpoint) {
    var lease = new Lease(endpoint);
    leases.add(lease);
    return lease;
  }

  @Override
  public CompletionStage<Target> locate(BranchAddress address) {
    return refuses
        .apply(address)
        .<CompletionStage<Target>>map(
            failure -> CompletableFuture.failedStage(new RouteException(failure)))
        .orElseGet(
            () ->
                CompletableFuture.completedStage(
                    new Target(
                        address.branch().orElse(new BranchName("token-branch")),
                        Optional.empty(),
                        address)));
  }

  @Override
  public CompletionStage<Optional<Role>> role(Target target) {
    return CompletableFuture.completedStage(
        Optional.ofNullable(roles.get(target.address().role())));
  }

  @Override
  public CompletionStage<Integer> postgresMajor(Target target) {
    return CompletableFuture.completedStage(major);
  }

  @Override
  public CompletableFuture<BranchLease> lease(Target target, BranchSession session) {
    labels.add(session.label());
    var lease = wakes.get();
    asked.add(lease);
    return lease;
  }

  @Override
  public BackendPolicy backends(Target target) {
    return backends;
  }

  @Override
  public ParkPolicy parking(Target target) {
    return parking;
  }

  @Override
  public void began(BranchName branch, BranchSession session) {
    sessions.add(session);
  }

  @Override
  public void ended(BranchName branch, BranchSession session) {
    sessions.remove(session);
  }

  /** A lease that counts how often it is given back. */
  public static final class Lease implements BranchLease {
    public final CompletableFuture<InstanceExit> exit = new CompletableFuture<>();
    public final CompletableFuture<RouteFailure> revoked = new CompletableFuture<>();
    public final AtomicInteger closes = new AtomicInteger();
    private final Endpoint endpoint;

    Lease(Endpoint endpoint) {
      this.endpoint = endpoint;
    }

    @Override
    public BranchName branch() {
      return new BranchName("pr-1");
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
      return revoked;
    }

    @Override
    public void close() {
      closes.incrementAndGet();
    }
  }
}
