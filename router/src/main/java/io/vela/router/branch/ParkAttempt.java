package io.vela.router.branch;

import io.vela.agent.Activity;
import io.vela.agent.CloneException;
import io.vela.agent.InstanceExit;
import io.vela.config.value.BranchName;
import io.vela.router.BranchSession;
import io.vela.router.BranchSession.Veto;
import io.vela.router.branch.BranchLife.Disturbance;
import io.vela.router.branch.BranchState.Running;
import io.vela.router.branch.ParkOutcome.Objection;
import io.vela.router.catalog.BranchRow;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One try to put a branch to sleep under its sessions, on the caller's virtual thread.
 *
 * <pre>
 *   Running ── look ── hold arrivals ── prepare all ── confirm all ── park all ── look ── Suspending
 *                            (Parking)      │               │                        │
 *                                           └── a veto ─────┴── resume all ──────────┴──► Running
 * </pre>
 *
 * <p>Whatever comes in the way (a veto, silence, somebody who wants the branch, a deletion) ends
 * with all sessions as they were, and with who came let in. Only this moves a branch out of
 * Parking, but for the end of its instance.
 */
final class ParkAttempt {
  private static final Logger log = LoggerFactory.getLogger(ParkAttempt.class);

  /** How long sessions may take for each step. Clients that arrive meanwhile wait for it. */
  private static final Duration STEP = Duration.ofSeconds(10);

  /** How long the backends of parked sessions may take to be gone. */
  private static final List<Duration> BACKENDS_END =
      List.of(Duration.ofMillis(5), Duration.ofMillis(50), Duration.ofMillis(500));

  private final BranchName name;
  private final BranchLife life;
  private final BranchContext context;
  private final ParkOrder order;

  ParkAttempt(BranchName name, BranchLife life, BranchContext context, ParkOrder order) {
    this.name = name;
    this.life = life;
    this.context = context;
    this.order = order;
  }

  /** Those who hold leases when arrivals begin to wait. */
  private record Held(
      BranchRow row,
      List<HeldLease> leases,
      CompletableFuture<Disturbance> disturbance,
      CompletableFuture<InstanceExit> exit) {}

  /** Those whose clients are held back, to be let go on whatever happens. */
  private final Set<HeldLease> asked = new LinkedHashSet<>();

  /** What the sessions said. */
  private record Answers(List<HeldLease> ready, List<Objection> objections) {}

  /** Blocks until it is decided; when it returns {@link ParkOutcome.Parked} the stop has begun. */
  ParkOutcome run() throws InterruptedException {
    var outcome = attempt();
    if (!(outcome instanceof ParkOutcome.Moot)) {
      life.move(step -> step.tried(new ParkTry(step.now(), order.reason(), outcome)));
      log.info(
          "branch asked to park branch={} reason={} outcome={} detail=\"{}\"",
          name,
          order.reason(),
          outcome.label(),
          outcome.detail());
    }
    return outcome;
  }

  private ParkOutcome attempt() throws InterruptedException {
    if (order.yields()) {
      var row = life.step(BranchLife.Step::row);
      var uses = row.map(branch -> uses(branch, false)).orElse(List.of());
      if (!uses.isEmpty()) {
        return new ParkOutcome.Busy(uses);
      }
    }
    var begun = life.step(this::begin);
    if (begun.isEmpty()) {
      return new ParkOutcome.Moot();
    }
    try {
      return ask(begun.get());
    } catch (RuntimeException | InterruptedException e) {
      // Whatever it is, nobody may wait for ever.
      stayAwake(begun.get());
      throw e;
    }
  }

  /** The check that nobody has come and the holding of who comes are one step. */
  private Optional<Held> begin(BranchLife.Step step) {
    if (!(step.state() instanceof Running running)
        || step.barred().isPresent()
        || (order.yields() && order.epoch().getAsLong() != step.leases().epoch())) {
      return Optional.empty();
    }
    var leases = step.leases().held();
    var disturbance = step.beginParking(running, order.yields());
    return Optional.of(new Held(step.row().orElseThrow(), leases, disturbance, step.exit()));
  }

  private ParkOutcome ask(Held held) throws InterruptedException {
    var prepared = ask(held, held.leases(), BranchSession::prepareToPark);
    var failed = failed(held, prepared);
    if (failed.isPresent()) {
      return stayAwake(held, failed.get());
    }
    var confirmed = ask(held, prepared.ready(), BranchSession::confirmParking);
    failed = failed(held, confirmed);
    if (failed.isPresent()) {
      return stayAwake(held, failed.get());
    }
    confirmed.ready().forEach(this::park);
    // With force there may be others: they go on until the stop ends them.
    resumeAll();
    var gone = confirmed.ready().stream().map(HeldLease::givenBack).toList();
    awaitAll(gone, held.exit());
    if (order.yields()) {
      var uses = usesWithoutSessions(held.row());
      if (!uses.isEmpty()) {
        return stayAwake(held, new ParkOutcome.Busy(uses));
      }
    }
    return life.step(step -> stop(step, held, confirmed.ready().size()));
  }

  private Answers ask(
      Held held,
      List<HeldLease> leases,
      Function<BranchSession, CompletionStage<Optional<Veto>>> question)
      throws InterruptedException {
    Map<HeldLease, CompletableFuture<Optional<Veto>>> answers = new LinkedHashMap<>();
    asked.addAll(leases);
    leases.forEach(lease -> answers.put(lease, answer(lease, question)));
    awaitAll(List.copyOf(answers.values()), held.disturbance());
    var ready = new ArrayList<HeldLease>();
    var objections = new ArrayList<Objection>();
    answers.forEach(
        (lease, answer) -> {
          if (lease.givenBack().isDone()) {
            return; // It has ended: it is in nobody's way.
          }
          answer
              .getNow(Optional.of(ParkOutcome.SILENCE))
              .ifPresentOrElse(
                  veto -> objections.add(new Objection(lease.session(), veto)),
                  () -> ready.add(lease));
        });
    return new Answers(ready, objections);
  }

  /** The session's answer; that it is ready as well when it ends. */
  private static CompletableFuture<Optional<Veto>> answer(
      HeldLease lease, Function<BranchSession, CompletionStage<Optional<Veto>>> question) {
    var answer = new CompletableFuture<Optional<Veto>>();
    var _ = lease.givenBack().thenRun(() -> answer.complete(Optional.empty()));
    try {
      var _ =
          question
              .apply(lease.session())
              .whenComplete(
                  (veto, error) -> answer.complete(error == null ? veto : Optional.of(of(error))));
    } catch (RuntimeException e) {
      log.error("session not asked to park session={}", lease.session().label().id(), e);
      answer.complete(Optional.of(of(e)));
    }
    return answer;
  }

  private static Veto of(Throwable error) {
    return new Veto("error", String.valueOf(error));
  }

  /** Why it cannot go on; empty when it can. */
  private Optional<ParkOutcome> failed(Held held, Answers answers) {
    var by = Optional.ofNullable(held.disturbance().getNow(null));
    if (by.isPresent()) {
      switch (by.get()) {
        case Disturbance.Arrival(var who) -> {
          return Optional.of(new ParkOutcome.Wanted(who));
        }
        case Disturbance.Barred(var reason) -> {
          return Optional.of(new ParkOutcome.Failed(reason.message()));
        }
        case Disturbance.Ended _ -> {
          return Optional.of(new ParkOutcome.Failed("the instance has ended"));
        }
      }
    }
    return answers.objections().isEmpty() || order.force()
        ? Optional.empty()
        : Optional.of(new ParkOutcome.Vetoed(answers.objections()));
  }

  private void park(HeldLease lease) {
    asked.remove(lease);
    try {
      lease.session().park();
    } catch (RuntimeException e) {
      log.error("session not parked session={}", lease.session().label().id(), e);
    }
  }

  private void resumeAll() {
    for (var lease : asked) {
      try {
        lease.session().resume();
      } catch (RuntimeException e) {
        log.error("session not resumed session={}", lease.session().label().id(), e);
      }
    }
    asked.clear();
  }

  private ParkOutcome stayAwake(Held held, ParkOutcome why) {
    stayAwake(held);
    return why;
  }

  private void stayAwake(Held held) {
    resumeAll();
    life.move(step -> step.parking(held.disturbance()).ifPresent(step::abandonParking));
  }

  private ParkOutcome stop(BranchLife.Step step, Held held, int parked) {
    var own = step.parking(held.disturbance());
    if (own.isEmpty()) {
      return new ParkOutcome.Failed("the instance has ended");
    }
    var parking = own.get();
    if (!order.force() && !step.leases().isEmpty()) {
      var left = step.leases().sessions().getFirst().label().description();
      step.abandonParking(parking);
      return new ParkOutcome.Failed("a session has not closed its backend: " + left);
    }
    var waiting = step.waiters().first();
    if (order.yields() && waiting.isPresent()) {
      step.abandonParking(parking);
      return new ParkOutcome.Wanted(waiting.get().label());
    }
    step.beginStop(parking.suspend(step.now()), order.reason(), order.told());
    return new ParkOutcome.Parked(parked);
  }

  /** What is at work although the sessions have none of it: their backends need a moment to end. */
  private List<Activity.Use> usesWithoutSessions(BranchRow row) throws InterruptedException {
    var uses = uses(row, true);
    for (var pause : BACKENDS_END) {
      if (uses.isEmpty() || uses.stream().anyMatch(use -> !use.isClientBackend())) {
        return uses;
      }
      context.pause(pause);
      uses = uses(row, true);
    }
    return uses;
  }

  /**
   * @param clients whether backends that serve clients count
   */
  private List<Activity.Use> uses(BranchRow row, boolean clients) {
    try {
      return context.work().activity(row).uses().stream()
          .filter(use -> clients || !use.isClientBackend())
          .toList();
    } catch (CloneException e) {
      log.warn(
          "branch activity unknown branch={} clone={} cause=\"{}\"",
          name,
          row.cloneId(),
          e.getMessage());
      return List.of(new Activity.Use("unknown", 0, e.failure().message()));
    }
  }

  /** Waits for all, for the first thing that comes in the way, or until the time is over. */
  private void awaitAll(List<? extends CompletableFuture<?>> all, CompletableFuture<?> disturbed)
      throws InterruptedException {
    var over = new CompletableFuture<Void>();
    var alarm = context.scheduler().after(STEP, () -> over.complete(null));
    var _ = disturbed.thenRun(() -> over.complete(null));
    var _ =
        CompletableFuture.allOf(all.toArray(CompletableFuture[]::new))
            .whenComplete((_, _) -> over.complete(null));
    try {
      over.get();
    } catch (ExecutionException e) {
      throw new IllegalStateException(e); // It is only ever completed with nothing.
    } finally {
      alarm.cancel();
    }
  }
}
