package io.vela.proxy.park;

import io.netty.channel.Channel;
import io.vela.proxy.park.Restored.Done;
import io.vela.proxy.park.Restored.Failed;
import io.vela.proxy.wire.RawMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/**
 * Gives a new backend the state of a session, in one transaction and one round trip, so that
 * nothing of it or all of it is there. The order:
 *
 * <pre>
 *   libraries               they may define settings
 *   settings                by the login role, which may do more than the roles that follow: who
 *                           may SET SESSION AUTHORIZATION is a superuser
 *   session authorization
 *   role
 *   channels
 *   prepared statements     each behind a savepoint: one that fails does not harm the others
 *   time limits, transaction defaults and client_encoding, which would disturb what goes before
 *   the unnamed statement   after the transaction: it is in the client's encoding
 * </pre>
 *
 * On the backend channel's event loop only.
 */
public final class Restore {
  private static final int MAX_ATTEMPTS = 4;
  private static final String QUERY_CANCELED = "57014";

  /** Would hinder what is yet to be restored. */
  private static final Set<String> LATE =
      Set.of(
          "statement_timeout",
          "lock_timeout",
          "transaction_timeout",
          "idle_in_transaction_session_timeout",
          "default_transaction_isolation",
          "default_transaction_read_only",
          "default_transaction_deferrable",
          "client_encoding");

  private static final String BOUNDS =
      """
      SELECT pg_catalog.set_config(s.n, s.v, true)
      FROM (VALUES ('lock_timeout', '0'), ('transaction_timeout', '0'),
                   ('idle_in_transaction_session_timeout', '0'), ('client_encoding', 'SQL_ASCII'))
             s(n, v)
      WHERE pg_catalog.current_setting(s.n, true) IS NOT NULL
      """;

  private static final String SETTINGS =
      """
      SELECT pg_catalog.set_config(s.n, s.v, false)
      FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]),
                      pg_catalog.unnest($2::pg_catalog.text[])) s(n, v)
      """;

  /** Of those that the new start has given the same value, the source stays what it is. */
  private static final String INHERITED =
      SETTINGS
          + """
          WHERE COALESCE(pg_catalog.current_setting(s.n, true) OPERATOR(pg_catalog.<>) s.v, true)
          """;

  private static final String IDENTITY =
      """
      SELECT pg_catalog.set_config($1, $2, false)
      WHERE pg_catalog.current_setting($1) OPERATOR(pg_catalog.<>) $2
      """;

  private final Channel backend;
  private final SessionMemory memory;
  private final BackendConversation conversation;
  private int attempts;

  private Restore(Channel backend, SessionMemory memory, BackendConversation conversation) {
    this.backend = backend;
    this.memory = memory;
    this.conversation = conversation;
  }

  /**
   * Begins. Until it completes, on the event loop, the channel's pipeline ends with handlers of
   * this; then it is as before, and the channel is not being read.
   *
   * @param backend past its startup with the session's own startup parameters, read by nobody
   * @param patience for the backend's answers
   * @param notifications gets each NotificationResponse that comes meanwhile, whole
   */
  public static CompletionStage<Restored> begin(
      Channel backend,
      SessionMemory memory,
      Duration patience,
      Consumer<RawMessage> notifications) {
    var conversation = BackendConversation.open(backend, notifications, patience);
    return new Restore(backend, memory, conversation)
        .ask()
        .exceptionally(Restore::lost)
        .thenCompose(restored -> conversation.close().thenApply(_ -> restored));
  }

  private static Restored lost(Throwable thrown) {
    var cause = thrown instanceof CompletionException wrapped ? wrapped.getCause() : thrown;
    return new Failed(
        cause instanceof BackendLost lost
            ? String.valueOf(lost.getMessage())
            : String.valueOf(cause));
  }

  private CompletionStage<Restored> ask() {
    attempts++;
    var batch =
        new Batch(backend.alloc())
            .run("BEGIN ISOLATION LEVEL READ COMMITTED, NOT DEFERRABLE")
            .run("SET LOCAL statement_timeout = 0")
            .run(BOUNDS);
    for (var library : memory.loads()) {
      batch.run("LOAD E'" + library.replace("\\", "\\\\").replace("'", "''") + "'");
    }
    set(batch, SETTINGS, memory.settings(), false);
    set(batch, INHERITED, memory.inherited(), false);
    identity(batch, "session_authorization", memory.sessionAuthorization());
    identity(batch, "role", memory.role());
    for (var channel : memory.channels()) {
      batch.run("LISTEN \"" + channel.replace("\"", "\"\"") + "\"");
    }
    batch.run("SAVEPOINT vela").sync();
    for (var statement : memory.statements()) {
      batch.run("ROLLBACK TO vela");
      statement.addTo(batch);
      batch.sync();
    }
    batch.run("ROLLBACK TO vela");
    set(batch, SETTINGS, memory.settings(), true);
    set(batch, INHERITED, memory.inherited(), true);
    batch.run("COMMIT").forget().sync();
    memory.unnamedStatement().ifPresent(parse -> batch.whole(parse).sync());
    return conversation.ask(batch).thenCompose(this::answered);
  }

  private static void set(Batch batch, String sql, Map<String, String> settings, boolean late) {
    var chosen = new LinkedHashMap<>(settings);
    chosen.keySet().removeIf(name -> LATE.contains(name) != late);
    if (!chosen.isEmpty()) {
      batch.run(sql, Batch.textArray(chosen.keySet()), Batch.textArray(chosen.values()));
    }
  }

  private static void identity(Batch batch, String setting, String value) {
    batch.run(IDENTITY, Batch.bytes(setting), Batch.bytes(value));
  }

  private CompletionStage<Restored> answered(List<Reply> replies) {
    var committed = replies.get(memory.statements().size() + 1);
    var error = replies.getFirst().error().or(committed::error);
    // A time limit of the start's may have struck before it was out of force.
    if (replies.getFirst().error().filter(first -> first.is(QUERY_CANCELED)).isPresent()
        && attempts < MAX_ATTEMPTS) {
      return ask();
    }
    if (error.isPresent() || committed.status() != 'I' || !committed.lastTag().equals("COMMIT")) {
      return failed(error, "the transaction was not committed");
    }
    var stale = new ArrayList<StaleStatement>();
    for (int i = 0; i < memory.statements().size(); i++) {
      stale(memory.statements().get(i), replies.get(i + 1)).ifPresent(stale::add);
    }
    if (memory.unnamedStatement().isPresent()) {
      replies
          .getLast()
          .error()
          .ifPresent(refused -> stale.add(new StaleStatement(refused.message(), Optional.empty())));
    }
    return stale.isEmpty() ? done(stale) : putDecoys(stale, 1);
  }

  private CompletionStage<Restored> done(List<StaleStatement> stale) {
    return CompletableFuture.completedFuture(new Done(conversation.parameters(), stale));
  }

  /** A statement whose decoy cannot be prepared is not there, which is an error as well. */
  private CompletionStage<Restored> putDecoys(List<StaleStatement> stale, int attempt) {
    var batch =
        new Batch(backend.alloc())
            .run("BEGIN ISOLATION LEVEL READ COMMITTED, NOT DEFERRABLE")
            .run("SET LOCAL statement_timeout = 0")
            .run(BOUNDS)
            .run(Decoy.PATH)
            .run("SAVEPOINT vela")
            .sync();
    for (int i = 0; i < stale.size(); i++) {
      if (stale.get(i).original().isPresent()) {
        var original = stale.get(i).original().get();
        batch
            .run("ROLLBACK TO vela")
            .close(original.name())
            .prepare(original.name(), Decoy.sql(i, original.returnsRows()), original.types())
            .sync();
      }
    }
    return conversation
        .ask(batch.run("ROLLBACK").forget().sync())
        .thenCompose(
            replies -> {
              var error = replies.getFirst().error();
              if (error.isEmpty() && replies.getLast().status() == 'I') {
                return done(stale);
              }
              return attempt < MAX_ATTEMPTS && error.filter(e -> e.is(QUERY_CANCELED)).isPresent()
                  ? putDecoys(stale, attempt + 1)
                  : failed(error, "stale statements were not replaced");
            });
  }

  private static CompletionStage<Restored> failed(Optional<BackendError> error, String otherwise) {
    return CompletableFuture.completedFuture(
        new Failed(error.map(BackendError::toString).orElse(otherwise)));
  }

  private static Optional<StaleStatement> stale(PreparedStatement statement, Reply reply) {
    if (reply.error().isPresent()) {
      return Optional.of(new StaleStatement(reply.error().get().message(), Optional.of(statement)));
    }
    boolean changed = statement.shape().isPresent() && !statement.shape().equals(reply.shape());
    return statement.stale() || changed
        ? Optional.of(new StaleStatement(BackendError.changedResultType(), Optional.of(statement)))
        : Optional.empty();
  }
}
