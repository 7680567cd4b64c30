package io.vela.proxy.park;

import io.netty.channel.Channel;
import io.vela.proxy.park.Captured.Failed;
import io.vela.proxy.park.Captured.Memory;
import io.vela.proxy.park.Captured.Vetoed;
import io.vela.proxy.wire.RawMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/**
 * Asks an idle session for its state as its last act, and leaves it as it was: if it is not parked
 * after all, nobody can tell that it was asked.
 *
 * <pre>
 *   1st round trip  all {@link Question}s, rolled back
 *   2nd round trip  the shape of each prepared statement's rows, {@link Findings#probes}, and
 *                   lastval(), rolled back
 * </pre>
 *
 * On the backend channel's event loop only.
 */
public final class Capture {
  /** A time limit of the session's may strike before it is out of force. */
  private static final int MAX_ATTEMPTS = 4;

  private static final int AS_LOGIN = 3;
  private static final String QUERY_CANCELED = "57014";
  private static final String LOCK_NOT_AVAILABLE = "55P03";
  private static final String FEATURE_NOT_SUPPORTED = "0A000";
  private static final String NOT_IN_PREREQUISITE_STATE = "55000";

  /** The statements are to be described; who holds a lock on their tables is not waited for. */
  private static final String BOUNDS =
      """
      SELECT pg_catalog.set_config(s.n, s.v, true)
      FROM (VALUES ('lock_timeout', '200'), ('transaction_timeout', '0'),
                   ('idle_in_transaction_session_timeout', '0'), ('client_encoding', 'SQL_ASCII'))
             s(n, v)
      WHERE pg_catalog.current_setting(s.n, true) IS NOT NULL
      """;

  /** That lastval() is not used is an error, which need not stand in the log. */
  private static final String QUIET =
      """
      SELECT pg_catalog.set_config('log_min_messages', 'panic', true)
      WHERE pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.=) 'on'
      """;

  private final Channel backend;
  private final SeenState seen;
  private final CaptureSettings settings;
  private final BackendConversation conversation;
  private int attempts;

  private Capture(
      Channel backend, SeenState seen, CaptureSettings settings, BackendConversation conversation) {
    this.backend = backend;
    this.seen = seen;
    this.settings = settings;
    this.conversation = conversation;
  }

  /**
   * Begins. Until it completes, on the event loop, the channel's pipeline ends with handlers of
   * this; then it is as before, and the channel is not being read.
   *
   * @param backend between two messages, with nothing in flight, no transaction open, read by
   *     nobody
   * @param notifications gets each NotificationResponse that comes meanwhile, whole
   */
  public static CompletionStage<Captured> begin(
      Channel backend,
      SeenState seen,
      CaptureSettings settings,
      Consumer<RawMessage> notifications) {
    var conversation = BackendConversation.open(backend, notifications, settings.patience());
    return new Capture(backend, seen, settings, conversation)
        .ask()
        .exceptionally(Capture::lost)
        .thenCompose(captured -> conversation.close().thenApply(_ -> captured));
  }

  private static Captured lost(Throwable thrown) {
    var cause = thrown instanceof CompletionException wrapped ? wrapped.getCause() : thrown;
    return cause instanceof BackendLost lost
        ? new Failed(String.valueOf(lost.getMessage()), true, lost.farewell())
        : new Failed(String.valueOf(cause), false, Optional.empty());
  }

  private CompletionStage<Captured> ask() {
    attempts++;
    var batch = new Batch(backend.alloc());
    for (var question : Question.ALL) {
      switch (question) {
        case PARAMETERS -> batch.run(question.sql(), Batch.textArray(seen.parameters()));
        case CUSTOM_SETTINGS -> batch.run(question.sql(), Batch.textArray(seen.customSettings()));
        case PREPARED_STATEMENTS -> batch.run(question.sql(), Batch.bytes(Batch.OWN_NAME));
        default -> batch.run(question.sql());
      }
    }
    return conversation
        .ask(batch.sync().run("ROLLBACK").forget().sync())
        .thenCompose(this::answered);
  }

  private CompletionStage<Captured> answered(List<Reply> replies) {
    var answers = replies.getFirst();
    if (!atRest(replies)) {
      return done(new Failed("the session's transaction did not end", true, Optional.empty()));
    }
    if (answers.error().isPresent()) {
      var error = answers.error().get();
      if (error.is(QUERY_CANCELED) && attempts < MAX_ATTEMPTS) {
        return ask();
      }
      return done(
          answers.completed() == Question.ALL.indexOf(Question.REHEARSAL)
              ? new Vetoed(VetoReason.SETTING, error.fields().message())
              : new Failed(error.toString(), false, Optional.empty()));
    }
    var findings = new Findings(answers, seen);
    var veto = findings.veto(settings.unseenSettings());
    return veto.isPresent() ? done(veto.get()) : probe(findings);
  }

  private CompletionStage<Captured> probe(Findings findings) {
    attempts++;
    var probes = findings.probes();
    var batch =
        new Batch(backend.alloc())
            .run(Question.BEGIN.sql())
            .run("SET LOCAL statement_timeout = 5000")
            .run(BOUNDS)
            .run("SAVEPOINT vela")
            .sync();
    for (var statement : findings.statements()) {
      batch.run("ROLLBACK TO vela").describe(statement.name()).sync();
    }
    for (var probe : probes) {
      asLogin(batch).run(probe.sql()).sync();
    }
    asLogin(batch).run(QUIET).run("SELECT pg_catalog.lastval()").sync();
    return conversation
        .ask(batch.run("ROLLBACK").forget().sync())
        .thenCompose(replies -> probed(findings, probes, replies));
  }

  /** Begins a segment with the rights of who logged in: {@link #AS_LOGIN} statements. */
  private static Batch asLogin(Batch batch) {
    return batch.run("ROLLBACK TO vela").run(Question.NO_ROLE.sql()).run(Question.LOGIN.sql());
  }

  private CompletionStage<Captured> probed(
      Findings findings, List<Findings.Probe> probes, List<Reply> replies) {
    if (!atRest(replies)) {
      return done(new Failed("the session's transaction did not end", true, Optional.empty()));
    }
    var begun = replies.getFirst().error();
    if (begun.isPresent()) {
      return begun.get().is(QUERY_CANCELED) && attempts < MAX_ATTEMPTS
          ? probe(findings)
          : done(new Failed(begun.get().toString(), false, Optional.empty()));
    }
    var answers = replies.iterator();
    answers.next();
    var prepared = new ArrayList<PreparedStatement>(findings.statements().size());
    for (var statement : findings.statements()) {
      var answer = answers.next();
      if (answer.error().filter(Capture::isWait).isPresent()) {
        return done(new Failed(answer.error().get().toString(), false, Optional.empty()));
      }
      prepared.add(
          statement.with(
              answer.error().isPresent() ? Optional.empty() : answer.shape(),
              answer.error().filter(error -> error.is(FEATURE_NOT_SUPPORTED)).isPresent()));
    }
    for (var probe : probes) {
      var veto = veto(probe, answers.next());
      if (veto.isPresent()) {
        return done(veto.get());
      }
    }
    return done(
        answers.next().error().filter(error -> error.is(NOT_IN_PREREQUISITE_STATE)).isPresent()
            ? new Memory(findings.memory(prepared))
            : new Vetoed(VetoReason.SEQUENCE_VALUE, "nextval() or setval() was called"));
  }

  private static Optional<Vetoed> veto(Findings.Probe probe, Reply answer) {
    return answer
        .error()
        .map(BackendError::toString)
        .or(() -> answer.rows(AS_LOGIN).stream().findFirst().map(row -> row.text(0)))
        .map(detail -> new Vetoed(probe.reason(), detail));
  }

  private static boolean isWait(BackendError error) {
    return error.is(LOCK_NOT_AVAILABLE) || error.is(QUERY_CANCELED);
  }

  private static boolean atRest(List<Reply> replies) {
    return replies.getLast().status() == 'I';
  }

  private static CompletionStage<Captured> done(Captured captured) {
    return CompletableFuture.completedFuture(captured);
  }
}
