package io.vela.admin;

import io.vela.agent.CloneFailure;
import io.vela.agent.ImportProgress;
import io.vela.agent.PoolInfo;
import io.vela.agent.Role;
import io.vela.agent.Source;
import io.vela.agent.StopMode;
import io.vela.agent.Usage;
import io.vela.config.Durability;
import io.vela.config.MaxBytes;
import io.vela.config.Network;
import io.vela.config.ParkPolicy;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.BranchSession;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router;
import io.vela.router.Target;
import io.vela.router.TokenRequest;
import io.vela.router.branch.BranchLease;
import io.vela.router.catalog.TokenRight;
import io.vela.router.catalog.TokenState;
import io.vela.router.route.BranchAddress;
import io.vela.router.route.TokenId;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;

/**
 * A router of maps: branches of the baseline {@code main} (any name may be created) without any
 * Postgres. Branch {@code busy} is in use, {@code broken} does not start, {@code trap} makes it
 * fail unexpectedly; an import from a folder named {@code slow} goes on until it is cancelled.
 */
public final class FakeRouter implements Router {
  /** The only system token that is good. */
  public static final String BEARER = "vela_root_s3cret";

  /** A token that is good for the branch {@code pr-1}. */
  public static final String BRANCH_BEARER = "vela_one1_s3cret";

  private static final Instant THEN = Instant.parse("2026-11-22T08:00:00Z");

  private final Map<BranchName, BranchView> branches = new TreeMap<>();

  /** What was asked for, in order, with the arguments that matter. */
  public final List<String> calls = new CopyOnWriteArrayList<>();

  /** Opened when a slow import was interrupted. */
  public final CountDownLatch interrupted = new CountDownLatch(1);

  /** Whether every call came on a virtual thread. */
  public final List<Thread> platformThreads = new CopyOnWriteArrayList<>();

  private void called(String call) {
    calls.add(call);
    if (!Thread.currentThread().isVirtual()) {
      platformThreads.add(Thread.currentThread());
    }
  }

  /** Puts a sleeping branch there. */
  public synchronized void put(String name) {
    branches.put(
        new BranchName(name), view(new BranchName(name), "suspended", Duration.ofMinutes(1)));
  }

  private static BranchView view(BranchName name, String state, Duration suspendAfter) {
    return new BranchView(
        name,
        "c-" + name,
        new BaselineName("main"),
        "s-1",
        state,
        THEN,
        THEN,
        suspendAfter,
        ParkPolicy.DEFAULT,
        MaxBytes.DEFAULT,
        Network.NONE,
        0,
        2,
        0,
        "",
        "app",
        "shop");
  }

  @Override
  public synchronized List<BranchView> branches() {
    called("branches");
    return new ArrayList<>(branches.values());
  }

  @Override
  public synchronized BranchView branch(BranchName name) throws RouteException {
    called("branch " + name);
    if (name.value().equals("trap")) {
      throw new IllegalStateException("an inner secret");
    }
    var view = branches.get(name);
    if (view == null) {
      throw new RouteException(new RouteFailure.NoSuchBranch(name));
    }
    return view;
  }

  @Override
  public synchronized BranchView createBranch(
      BranchName name, BaselineName from, BranchSettings settings) throws RouteException {
    called("create " + name + " from " + from + " " + settings.suspendAfter());
    if (!from.value().equals("main")) {
      throw new RouteException(new RouteFailure.NoSuchBaseline(from.value()));
    }
    if (branches.containsKey(name)) {
      throw new RouteException(new RouteFailure.AlreadyExists("branch", name.value()));
    }
    if (name.value().equals("full")) {
      throw new RouteException(
          new RouteFailure.AgentFailed(
              "branch \"full\" could not be created", new CloneFailure.PoolFull(1 << 20, 1 << 30)));
    }
    var view = view(name, "suspended", settings.suspendAfter().orElse(Duration.ofMinutes(1)));
    branches.put(name, view);
    return view;
  }

  @Override
  public synchronized BranchView resume(BranchName name) throws RouteException {
    called("resume " + name);
    if (name.value().equals("broken")) {
      throw new RouteException(
          new RouteFailure.AgentFailed(
              "branch \"broken\" did not start",
              new CloneFailure.StartFailed("Postgres ended", "FATAL: out of luck")));
    }
    return become(name, "running");
  }

  @Override
  public synchronized BranchView suspend(BranchName name, boolean force) throws RouteException {
    called("suspend " + name + " " + force);
    refuseBusy(name, force);
    return become(name, "suspended");
  }

  @Override
  public synchronized BranchView restart(BranchName name, boolean force) throws RouteException {
    called("restart " + name + " " + force);
    refuseBusy(name, force);
    return become(name, "running");
  }

  @Override
  public synchronized BranchView configure(BranchName name, BranchSettings settings)
      throws RouteException {
    called("configure " + name + " " + settings);
    return branch(name);
  }

  @Override
  public List<SessionView> sessions() {
    called("sessions");
    return sessions("pr-1");
  }

  @Override
  public List<SessionView> sessions(BranchName name) throws RouteException {
    called("sessions " + name);
    branch(name);
    return sessions(name.value());
  }

  private static List<SessionView> sessions(String branch) {
    var name = new BranchName(branch);
    return List.of(
        new SessionView(7, name, "app shop", "active", THEN, Optional.empty(), Optional.empty()),
        new SessionView(
            8,
            name,
            "app shop",
            "idle",
            THEN,
            Optional.of(THEN.plusSeconds(1)),
            Optional.of(new BranchSession.Veto("temporary-objects", "table t"))));
  }

  @Override
  public synchronized Optional<StopMode> delete(BranchName name, boolean force)
      throws RouteException {
    called("delete " + name + " " + force);
    refuseBusy(name, force);
    branch(name);
    branches.remove(name);
    return name.value().equals("stuck") ? Optional.of(StopMode.KILL) : Optional.empty();
  }

  private static void refuseBusy(BranchName name, boolean force) throws RouteException {
    if (name.value().equals("busy") && !force) {
      throw new RouteException(
          new RouteFailure.InUse("branch \"busy\" is in use", List.of("session 7: app shop")));
    }
  }

  private BranchView become(BranchName name, String state) throws RouteException {
    var view = view(name, state, branch(name).suspendAfter());
    branches.put(name, view);
    return view;
  }

  @Override
  public Usage usage(BranchName name) throws RouteException {
    called("usage " + name);
    branch(name);
    return new Usage(5L << 30, 3L << 20);
  }

  @Override
  public Why why(BranchName name) throws RouteException {
    called("why " + name);
    return new Why(
        name,
        branch(name).state(),
        "branch \"" + name + "\" is asleep",
        List.of("session 7: app shop"),
        Optional.of(THEN.plusSeconds(60)),
        Optional.of("full: " + Durability.FULL.promise()),
        "none: its processes reach nothing outside the branch");
  }

  @Override
  public List<BaselineView> baselines() {
    called("baselines");
    return List.of(
        new BaselineView(
            new BaselineName("main"),
            "s-1",
            18,
            40L << 20,
            true,
            THEN,
            1,
            new WarmView(2, 3),
            "app",
            "shop"));
  }

  @Override
  public BaselineView importBaseline(
      BaselineName name, Source source, Consumer<ImportProgress> progress)
      throws RouteException, InterruptedException {
    called("import " + name + " " + described(source));
    progress.accept(new ImportProgress("copying", 50, 100));
    if (source.equals(new Source.Directory("/slow"))) {
      try {
        new CountDownLatch(1).await();
      } finally {
        interrupted.countDown();
      }
    }
    if (source instanceof Source.Directory(var path) && path.endsWith("/missing")) {
      throw new RouteException(
          new RouteFailure.AgentFailed(
              "baseline \"" + name + "\" could not be imported",
              new CloneFailure.BinariesMissing(13, "postgres", "postgresql-13")));
    }
    return baselines().getFirst();
  }

  private static String described(Source source) {
    return source instanceof Source.Physical physical
        ? physical.user()
            + " "
            + physical.password().map(Secret::reveal).orElse("-")
            + " "
            + physical.address()
        : source.toString();
  }

  @Override
  public IssuedToken mintToken(TokenRequest request) {
    called("mint " + request);
    var roles =
        switch (request.roles()) {
          case TokenRequest.Standard _ -> List.of("app");
          case TokenRequest.Named(var names) -> names;
          case TokenRequest.Any _ -> List.<String>of();
        };
    return new IssuedToken(
        new MintedToken(new TokenId("k3f9x2"), new Secret("p+w/d")),
        roles,
        roles.stream().findFirst().orElse("app"),
        "shop",
        roles.isEmpty() || roles.contains("postgres"),
        request.lifetime() instanceof TokenRequest.For(var time)
            ? Optional.of(THEN.plus(time))
            : Optional.empty());
  }

  @Override
  public MintedToken rotateToken(TokenId id, Optional<TokenRequest.Lifetime> lifetime)
      throws RouteException {
    called("rotate " + id + " " + lifetime);
    if (!id.value().equals("k3f9x2")) {
      throw new RouteException(new RouteFailure.TokenNotGood(id.value(), "revoked"));
    }
    return new MintedToken(id, new Secret("n/w"));
  }

  @Override
  public List<TokenView> tokens() {
    called("tokens");
    return List.of(
        new TokenView(
            new TokenId("k3f9x2"),
            Optional.of(new BranchName("pr-1")),
            Optional.empty(),
            List.of("app"),
            Set.of(TokenRight.CONNECT, TokenRight.CREATE),
            THEN,
            Optional.of(THEN.plusSeconds(3600)),
            Optional.empty(),
            TokenState.EXPIRED));
  }

  @Override
  public void revokeToken(TokenId id) throws RouteException {
    called("revoke " + id);
    if (!id.value().equals("k3f9x2")) {
      throw new RouteException(new RouteFailure.NoSuchToken(id.value()));
    }
  }

  @Override
  public TokenId authorize(Secret bearer, Optional<BranchName> about) throws RouteException {
    called("authorize " + about.map(BranchName::value).orElse("-"));
    if (bearer.reveal().equals(BRANCH_BEARER)) {
      if (about.equals(Optional.of(new BranchName("pr-1")))) {
        return new TokenId("one1");
      }
      throw new RouteException(new RouteFailure.NotGranted("the token does not grant this"));
    }
    if (!bearer.reveal().equals(BEARER)) {
      throw new RouteException(
          new RouteFailure.BadToken("root", RouteFailure.BadToken.Reason.WRONG_SECRET));
    }
    return new TokenId("root");
  }

  @Override
  public List<Quarantined> quarantine() {
    return List.of(new Quarantined(Quarantined.Kind.CLONE, "00112233445566aa"));
  }

  @Override
  public void purge(String volume) throws RouteException {
    if (!volume.equals("00112233445566aa")) {
      throw new RouteException(new RouteFailure.NotQuarantined(volume));
    }
  }

  @Override
  public PoolInfo pool() {
    called("pool");
    return new PoolInfo("btrfs", true, 64L << 30, 60L << 30, "best that the path offers");
  }

  @Override
  public CompletionStage<Target> locate(BranchAddress address) {
    var name = address.branch().orElseThrow();
    return name.value().startsWith("no-")
        ? CompletableFuture.failedStage(new RouteException(new RouteFailure.NoSuchBranch(name)))
        : CompletableFuture.completedStage(
            new Target(name, Optional.of(new BaselineName("main")), address));
  }

  @Override
  public CompletionStage<Optional<Role>> role(Target target) {
    throw new UnsupportedOperationException("a session's");
  }

  @Override
  public CompletionStage<Integer> postgresMajor(Target target) {
    throw new UnsupportedOperationException("a session's");
  }

  @Override
  public CompletableFuture<BranchLease> lease(Target target, BranchSession session) {
    throw new UnsupportedOperationException("a session's");
  }

  @Override
  public ParkPolicy parking(Target target) {
    throw new UnsupportedOperationException("a session's");
  }

  @Override
  public void began(BranchName branch, BranchSession session) {
    throw new UnsupportedOperationException("a session's");
  }

  @Override
  public void ended(BranchName branch, BranchSession session) {
    throw new UnsupportedOperationException("a session's");
  }

  @Override
  public void close() {}
}
