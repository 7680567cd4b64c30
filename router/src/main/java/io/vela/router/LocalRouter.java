package io.vela.router;

import io.micrometer.core.instrument.MeterRegistry;
import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure;
import io.vela.agent.CloneService;
import io.vela.agent.ImportProgress;
import io.vela.agent.PoolInfo;
import io.vela.agent.Role;
import io.vela.agent.Source;
import io.vela.agent.StopMode;
import io.vela.agent.Usage;
import io.vela.config.BackendPolicy;
import io.vela.config.ParkPolicy;
import io.vela.config.VelaConfig;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.branch.BranchContext;
import io.vela.router.branch.BranchLease;
import io.vela.router.branch.BranchStatus;
import io.vela.router.branch.Branches;
import io.vela.router.branch.Scheduler;
import io.vela.router.branch.StartPermits;
import io.vela.router.catalog.BranchRow;
import io.vela.router.catalog.Catalog;
import io.vela.router.catalog.Reconciler;
import io.vela.router.idle.IdleSuspender;
import io.vela.router.idle.RoomMaker;
import io.vela.router.policy.CreatePolicy;
import io.vela.router.policy.Tokens;
import io.vela.router.room.Room;
import io.vela.router.route.BranchAddress;
import io.vela.router.route.BranchAddress.PresentedToken;
import io.vela.router.route.TokenId;
import io.vela.router.warm.WarmClones;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The router of one host: its agent, its catalogue. {@link #open} comes before all else. */
public final class LocalRouter implements Router {
  private static final Logger log = LoggerFactory.getLogger(LocalRouter.class);
  private static final Duration LETTING_GO = Duration.ofSeconds(5);
  private static final Duration BETWEEN_MEASUREMENTS = Duration.ofSeconds(15);
  private static final Duration BEFORE_FIRST_PRUNING = Duration.ofMinutes(1);
  private static final Duration BETWEEN_PRUNINGS = Duration.ofHours(1);

  private final Supplier<VelaConfig> config;
  private final StartPermits starts;
  private final Room room;
  private final WarmClones warm;
  private final CloneService agent;
  private final Catalog catalog;
  private final Scheduler scheduler;
  private final ExecutorService threads;
  private final RoleContents contents;
  private final Baselines baselines;
  private final Quarantine quarantine;
  private final Branches branches;
  private final RouterMetrics metrics;
  private final Tokens tokens;
  private final Locator locator;
  private final BranchDesk desk;
  private final CurrentRoles roles;
  private final TokenDesk tokenDesk;
  private final TokenLeases tokenLeases;
  private final Answers answers;
  private final SpaceGuard space;
  private final SessionDirectory attendance = new SessionDirectory();
  private final List<Consumer<MintedToken>> rotationListeners = new CopyOnWriteArrayList<>();
  private volatile boolean closed;

  /**
   * @param config what is in force; may change, see {@link #reconfigured}
   * @param agent of the caller, who closes it after this
   * @param catalog closed with this
   * @param threads a virtual thread a task; of the caller, who closes it after this
   */
  public LocalRouter(
      Supplier<VelaConfig> config,
      CloneService agent,
      Catalog catalog,
      Scheduler scheduler,
      MeterRegistry registry,
      ExecutorService threads) {
    this.config = config;
    this.agent = agent;
    this.catalog = catalog;
    this.scheduler = scheduler;
    this.threads = threads;
    this.contents = new RoleContents(agent, catalog);
    this.baselines = new Baselines(catalog, agent, threads);
    this.quarantine = new Quarantine(agent);
    this.tokens = new Tokens(catalog, scheduler.wall());
    var idle =
        new IdleSuspender(
            agent,
            scheduler,
            threads,
            branch -> new IdleSuspender.Rule(suspendAfter(branch), parking(branch).onIdle()));
    this.metrics = new RouterMetrics(registry, agent, catalog);
    this.starts = new StartPermits(config.get().limits().startConcurrency());
    this.room =
        new Room(
            () -> config.get().limits().running().bound(config.get().postgres().sharedBuffers()));
    this.warm =
        new WarmClones(
            config,
            baselines::currentId,
            AgentWork::settings,
            new WarmAgentWork(config, catalog, agent, contents, baselines),
            room,
            starts,
            scheduler,
            threads);
    var unconfirmed = new UnconfirmedChanges(scheduler, threads);
    var roomMaker = new RoomMaker(room, idle, warm::giveUpOne, scheduler, threads);
    this.branches =
        new Branches(
            new BranchContext(
                new AgentWork(
                    config, catalog, agent, contents, warm, unconfirmed, baselines::currentId),
                new BranchEvents(catalog, idle, metrics, roomMaker, attendance),
                threads,
                scheduler,
                starts,
                room,
                () -> config.get().limits().wakeTimeout(),
                LETTING_GO));
    roomMaker.serve(branches);
    this.metrics.branches(branches::all);
    this.metrics.quarantine(quarantine::all);
    this.metrics.occupancy(warm, room);
    var policy = new CreatePolicy(config, baselines::exists);
    this.locator = new Locator(branches, policy, tokens);
    this.space =
        new SpaceGuard(
            config,
            agent,
            new WriteStopper(agent, attendance, registry),
            branches::all,
            scheduler.clock());
    var views =
        new BranchViews(
            agent,
            contents,
            idle,
            room,
            attendance,
            scheduler::shown,
            this::suspendAfter,
            this::parking,
            baseline -> config.get().policy(baseline).maxBytes(),
            branch -> config.get().policy(branch.baseline()).durability(),
            baseline -> config.get().policy(baseline).network(),
            space::full);
    this.desk =
        new BranchDesk(
            branches,
            views,
            baselines,
            catalog,
            unconfirmed,
            attendance,
            new RoomRule(agent, name -> config.get().policy(name).maxBytes()));
    this.roles = new CurrentRoles(branches, contents, desk);
    this.tokenDesk =
        new TokenDesk(config, branches, baselines, desk, roles, policy, tokens, catalog);
    this.tokenLeases = new TokenLeases(catalog, attendance, threads);
    this.answers = new Answers(threads);
  }

  /** Puts catalogue and pool right after whatever came before, and adopts what runs. Blocks. */
  public void open() throws RouteException {
    var found = new Reconciler(catalog, agent, config.get().limits().deletion()).reconcile();
    baselines.load(found.snapshots());
    quarantine.load(found.quarantined());
    if (!found.quarantined().isEmpty()) {
      log.error(
          "volumes in quarantine count={}; \"vela pool show\" names them",
          found.quarantined().size());
    }
    baselines.all().keySet().forEach(name -> metrics.baseline(name, baselines, scheduler.wall()));
    for (var branch : found.branches().entrySet()) {
      var row = branch.getKey();
      metrics.changed(row.cloneId());
      if (!branch.getValue().settled()) {
        contents.unsettled(row.cloneId());
      }
      var clone = branch.getValue();
      if (clone.trouble().isPresent()) {
        branches.addStray(
            row,
            new RouteFailure.AgentFailed(
                "the running Postgres of branch \"" + row.name() + "\" could not be taken over",
                clone.trouble().get()));
      } else if (clone.running().isPresent()) {
        log.info("instance adopted branch={} clone={}", row.name(), row.cloneId());
        branches.addRunning(row, clone.running().get());
      } else {
        branches.addSuspended(row);
      }
    }
    found.undeleted().forEach(branches::addUndeleted);
    for (var row : found.missing()) {
      branches.addMissing(
          row,
          new RouteFailure.AgentFailed(
              "the data of branch \"" + row.name() + "\" is missing",
              new CloneFailure.NoSuchClone(row.cloneId())));
    }
    new OldTokens(catalog, branches, baselines, contents).narrow();
    warm.due();
    measure();
    scheduler.after(BEFORE_FIRST_PRUNING, this::pruneTokens);
    keepRoom();
    var clones = found.branches().keySet().stream().map(BranchRow::cloneId).toList();
    threads.execute(() -> contents.readAhead(clones));
  }

  private void measure() {
    if (closed) {
      return;
    }
    threads.execute(
        () -> {
          metrics.measure(branches.all());
          scheduler.after(BETWEEN_MEASUREMENTS, this::measure);
        });
  }

  private void keepRoom() {
    if (!closed) {
      threads.execute(() -> scheduler.after(space.look(), this::keepRoom));
    }
  }

  /** What is in force has changed. Policies and waits are read each time; this takes the rest. */
  public void reconfigured() {
    starts.resize(config.get().limits().startConcurrency());
    room.changed();
    warm.due();
  }

  private Duration suspendAfter(BranchRow branch) {
    return branch
        .settings()
        .suspendAfter()
        .orElseGet(() -> config.get().policy(branch.baseline()).suspendAfter());
  }

  private ParkPolicy parking(BranchRow branch) {
    return branch.settings().over(config.get().policy(branch.baseline()).parking());
  }

  // For sessions.

  @Override
  public CompletionStage<Target> locate(BranchAddress address) {
    if (address.token().isEmpty()) {
      return Answers.now(() -> locator.locate(address, Optional.empty()));
    }
    var presented = address.token().get();
    var token = tokens.atHand(presented);
    return token.isPresent()
        ? Answers.now(() -> locator.locate(address, token))
        : answers.later(() -> locator.locate(address, Optional.of(tokens.find(presented))));
  }

  @Override
  public CompletionStage<Optional<Role>> role(Target target) {
    return target.address().token().orElse(null) instanceof PresentedToken.AsUser presented
        ? roleOf(presented, target)
        : answers.later(() -> roles.find(target));
  }

  private CompletionStage<Optional<Role>> roleOf(PresentedToken presented, Target target) {
    if (roles.areAtHand(target)) {
      return answers.later(
          () -> Optional.of(Locator.roleOf(tokens.find(presented), target, roles.find(target))));
    }
    // An instance runs: it looks itself at the role of whoever proves a token.
    var token = tokens.atHand(presented);
    return token.isPresent()
        ? CompletableFuture.completedStage(
            token.map(row -> Locator.roleOf(row, target, Optional.empty())))
        : answers.later(
            () -> Optional.of(Locator.roleOf(tokens.find(presented), target, Optional.empty())));
  }

  @Override
  public CompletionStage<Integer> postgresMajor(Target target) {
    return answers.later(() -> desk.contents(target).major());
  }

  @Override
  public CompletableFuture<BranchLease> lease(Target target, BranchSession session) {
    var lease = branches.lease(target.branch(), target.createFrom(), session);
    var token = target.address().token().map(presented -> presented.id());
    token.ifPresent(id -> attendance.standsOn(target.branch(), session, id));
    return token.isPresent() ? tokenLeases.on(token.get(), lease) : lease;
  }

  @Override
  public ParkPolicy parking(Target target) {
    return branches
        .find(target.branch())
        .flatMap(BranchStatus::row)
        .map(this::parking)
        .or(() -> target.createFrom().map(name -> config.get().policy(name).parking()))
        .orElse(ParkPolicy.DEFAULT);
  }

  @Override
  public BackendPolicy backends(Target target) {
    return branches
        .find(target.branch())
        .flatMap(BranchStatus::row)
        .map(BranchRow::baseline)
        .or(target::createFrom)
        .map(name -> config.get().policy(name).backends())
        .orElse(BackendPolicy.DEFAULT);
  }

  @Override
  public void began(BranchName branch, BranchSession session) {
    attendance.add(branch, session);
  }

  @Override
  public void ended(BranchName branch, BranchSession session) {
    attendance.remove(branch, session);
  }

  // For people and programs.

  @Override
  public List<BranchView> branches() {
    return desk.all();
  }

  @Override
  public BranchView branch(BranchName name) throws RouteException {
    return desk.view(name);
  }

  @Override
  public BranchView createBranch(BranchName name, BaselineName from, BranchSettings settings)
      throws RouteException, InterruptedException {
    return desk.create(name, from, settings);
  }

  @Override
  public BranchView resume(BranchName name) throws RouteException, InterruptedException {
    return desk.resume(name);
  }

  @Override
  public BranchView suspend(BranchName name, boolean force)
      throws RouteException, InterruptedException {
    return desk.suspend(name, force);
  }

  @Override
  public BranchView restart(BranchName name, boolean force)
      throws RouteException, InterruptedException {
    return desk.restart(name, force, config.get().limits().drainTimeout());
  }

  @Override
  public BranchView configure(BranchName name, BranchSettings settings) throws RouteException {
    return desk.configure(name, settings);
  }

  @Override
  public List<SessionView> sessions() {
    return desk.sessions();
  }

  @Override
  public List<SessionView> sessions(BranchName name) throws RouteException {
    return desk.sessions(name);
  }

  @Override
  public Optional<StopMode> delete(BranchName name, boolean force)
      throws RouteException, InterruptedException {
    return desk.delete(name, force);
  }

  @Override
  public Usage usage(BranchName name) throws RouteException {
    return desk.usage(name);
  }

  @Override
  public Why why(BranchName name) throws RouteException {
    return desk.why(name);
  }

  @Override
  public List<BaselineView> baselines() {
    return baselines.all().values().stream()
        .map(row -> baselines.view(row, desk::countFrom, warm(row.name())))
        .toList();
  }

  private WarmView warm(BaselineName name) {
    return new WarmView(warm.ready(name), config.get().policy(name).warm());
  }

  @Override
  public BaselineView importBaseline(
      BaselineName name, Source source, Consumer<ImportProgress> progress)
      throws RouteException, InterruptedException {
    baselines.importSnapshot(name, source, progress, false);
    return imported(name);
  }

  /** Imports a baseline unless it is there. Blocks. */
  public BaselineView ensureBaseline(BaselineName name, Source source)
      throws RouteException, InterruptedException {
    baselines.importSnapshot(name, source, _ -> {}, true);
    return imported(name);
  }

  private BaselineView imported(BaselineName name) {
    metrics.baseline(name, baselines, scheduler.wall());
    warm.due();
    return baselines().stream().filter(view -> view.name().equals(name)).findFirst().orElseThrow();
  }

  @Override
  public IssuedToken mintToken(TokenRequest request) throws RouteException, InterruptedException {
    return tokenDesk.mint(request, scheduler.wall().instant());
  }

  @Override
  public MintedToken rotateToken(TokenId id, Optional<TokenRequest.Lifetime> lifetime)
      throws RouteException {
    var token = tokenDesk.rotate(id, lifetime, scheduler.wall().instant());
    rotationListeners.forEach(listener -> listener.accept(token));
    return token;
  }

  /**
   * @param listener told of each new secret before whoever asked for it
   */
  public void onTokenRotated(Consumer<MintedToken> listener) {
    rotationListeners.add(listener);
  }

  private void pruneTokens() {
    if (closed) {
      return;
    }
    threads.execute(
        () -> {
          tokenDesk.prune(tokenLeases.inUse());
          scheduler.after(BETWEEN_PRUNINGS, this::pruneTokens);
        });
  }

  @Override
  public List<TokenView> tokens() throws RouteException {
    return tokenDesk.all();
  }

  @Override
  public void revokeToken(TokenId id) throws RouteException {
    tokenDesk.revoke(id);
  }

  @Override
  public TokenId authorize(Secret bearer, Optional<BranchName> about) throws RouteException {
    return locator.authorize(bearer, about);
  }

  @Override
  public PoolInfo pool() throws RouteException {
    try {
      return agent.pool();
    } catch (CloneException e) {
      throw new RouteException(
          new RouteFailure.AgentFailed("the pool could not be measured", e.failure()), e);
    }
  }

  @Override
  public List<Quarantined> quarantine() {
    return quarantine.all();
  }

  @Override
  public void purge(String volume) throws RouteException {
    quarantine.purge(volume, config.get().limits().stopTimeout());
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      // The proxy ends its sessions before; one that is left has no lease by which it is told.
      attendance.all().values().stream()
          .flatMap(List::stream)
          .forEach(session -> session.end(new RouteFailure.ShuttingDown()));
      var bound = config.get().limits().stopTimeout().plus(LETTING_GO);
      warm.end();
      long left = branches.close(bound) + warm.awaitEnd(LETTING_GO);
      if (left > 0) {
        log.warn("instances not stopped in time count={}", left);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      catalog.close();
    }
  }
}
