package io.vela.router.catalog;

import static io.vela.router.catalog.PgRows.map;

import com.github.benmanes.caffeine.cache.AsyncCache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.vela.agent.CloneId;
import io.vela.agent.SnapshotId;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router.BranchSettings;
import io.vela.router.catalog.CatalogPool.Answer;
import io.vela.router.catalog.CatalogPool.StatementFailed;
import io.vela.router.catalog.Outbox.Posting;
import io.vela.router.route.TokenId;
import io.vertx.core.Vertx;
import io.vertx.pgclient.PgConnectOptions;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import javax.sql.DataSource;

/**
 * The catalogue in a Postgres database, over vertx-pg-client. Tokens are cached, so that those in
 * use still work while it is down; {@link CatalogNotices} keeps the cache true.
 */
public final class PgCatalog implements Catalog {
  static final String BRANCH_COLUMNS =
      "id, name, clone, snapshot, baseline, phase, suspend_after_ms, on_idle, park_after_ms,"
          + " max_bytes, created_at";

  private static final String TOKEN_COLUMNS =
      "id, verifier, branch, baseline, branch_name, roles, rights, expires_at, revoked, revoked_at,"
          + " created_at";

  /** Postgres documentation, app. A. */
  static final String UNIQUE_VIOLATION = "23505";

  static final String FOREIGN_KEY_VIOLATION = "23503";

  private final CatalogPool pool;
  private final CatalogNotices notices;
  private final WarmRows warm;
  private final Outbox outbox;
  private final List<Consumer<Optional<CloneId>>> contentsListeners = new CopyOnWriteArrayList<>();
  private final List<Consumer<Optional<TokenId>>> tokenListeners = new CopyOnWriteArrayList<>();
  private final AsyncCache<TokenId, Optional<TokenRow>> tokens;

  private PgCatalog(Vertx vertx, PgConnectOptions options, Executor threads) {
    this.tokens =
        Caffeine.newBuilder()
            .maximumSize(10_000)
            .expireAfterWrite(Duration.ofHours(1))
            .executor(threads)
            .buildAsync();
    this.pool = new CatalogPool(vertx, options);
    this.warm = new PgWarmRows(pool);
    this.outbox = new Outbox(pool, threads);
    this.notices = new CatalogNotices(vertx, options, this::tokenChanged, this::tellContents);
  }

  /**
   * Migrates the schema and connects.
   *
   * @param vertx of the caller, who closes it; for a Unix socket one with a transport that can (a
   *     native one, or the JDK's since 16)
   * @param options for a Unix socket the host is its folder, an absolute path
   * @param migrations the same database over JDBC
   * @param threads a virtual thread a task
   */
  public static PgCatalog open(
      Vertx vertx, PgConnectOptions options, DataSource migrations, Executor threads)
      throws RouteException {
    Migrations.migrate(migrations);
    var catalog = new PgCatalog(vertx, options, threads);
    try {
      catalog.notices.connect();
      catalog.pool.read("select 1");
      return catalog;
    } catch (RouteException e) {
      catalog.close();
      throw e;
    } catch (Exception e) {
      catalog.close();
      throw new RouteException(new RouteFailure.CatalogUnavailable(String.valueOf(e)), e);
    }
  }

  @Override
  public List<BaselineRow> baselines() throws RouteException {
    return map(
        pool.read("select name, snapshot, created_at, refreshed_at from baseline order by name"),
        PgRows::baseline);
  }

  @Override
  public List<SnapshotRow> snapshots() throws RouteException {
    return map(
        pool.read("select id, baseline, created_at from snapshot order by created_at, id"),
        PgRows::snapshot);
  }

  @Override
  public List<BranchRow> branches() throws RouteException {
    return map(
        pool.read("select " + BRANCH_COLUMNS + " from branch order by name"), PgRows::branch);
  }

  @Override
  public BranchRow insertBranch(
      BranchName name,
      CloneId clone,
      BaselineName baseline,
      SnapshotId snapshot,
      BranchSettings settings)
      throws RouteException {
    try {
      // Sent twice it finds what it made itself; it is another's name only if the clone is not
      // there.
      var rows =
          pool.tryWrite(
                  "with made as (insert into branch"
                      + " (name, clone, snapshot, baseline, phase,"
                      + " suspend_after_ms, on_idle, park_after_ms, max_bytes)"
                      + " values ($1, $2, $3, $4, 'ready', $5, $6, $7, $8)"
                      + " on conflict do nothing returning "
                      + BRANCH_COLUMNS
                      + ") select "
                      + BRANCH_COLUMNS
                      + " from made union all select "
                      + BRANCH_COLUMNS
                      + " from branch where clone = $2",
                  name.value(),
                  clone.value(),
                  snapshot.value(),
                  baseline.value(),
                  PgRows.millis(settings.suspendAfter()),
                  PgRows.text(settings.onIdle()),
                  PgRows.millis(settings.parkAfter()),
                  PgRows.text(settings.maxBytes()))
              .rows();
      return map(rows, PgRows::branch).stream()
          .findFirst()
          .orElseThrow(
              () -> new RouteException(new RouteFailure.AlreadyExists("branch", name.value())));
    } catch (StatementFailed e) {
      if (e.sqlState().equals(FOREIGN_KEY_VIOLATION)) {
        throw new RouteException(new RouteFailure.NoSuchBaseline(baseline.value()), e);
      }
      throw e.asUnavailable();
    }
  }

  @Override
  public OptionalLong poolEpoch(String id) throws RouteException {
    return map(
            pool.read("select epoch from pool where id = $1", UUID.fromString(id)),
            row -> row.getLong("epoch"))
        .stream()
        .mapToLong(Long::longValue)
        .findFirst();
  }

  @Override
  public void setPoolEpoch(String id, long epoch) throws RouteException {
    // Sent twice, it sets the same value again.
    var _ =
        pool.write(
            "insert into pool (id, epoch) values ($1, $2)"
                + " on conflict (id) do update set epoch = excluded.epoch, taken_at = now()",
            UUID.fromString(id),
            epoch);
  }

  @Override
  public WarmRows warm() {
    return warm;
  }

  @Override
  public void setPhase(long branch, BranchRow.Phase phase) throws RouteException {
    demandRow(
        branch,
        pool.write("update branch set phase = $2 where id = $1", branch, PgRows.name(phase)));
  }

  @Override
  public void setSettings(long branch, BranchSettings settings) throws RouteException {
    demandRow(
        branch,
        pool.write(
            "update branch set suspend_after_ms = $2, on_idle = $3, park_after_ms = $4, max_bytes ="
                + " $5 where id = $1",
            branch,
            PgRows.millis(settings.suspendAfter()),
            PgRows.text(settings.onIdle()),
            PgRows.millis(settings.parkAfter()),
            PgRows.text(settings.maxBytes())));
  }

  private static void demandRow(long branch, Answer answer) throws RouteException {
    if (answer.rows().rowCount() == 0) {
      throw new RouteException(
          new RouteFailure.CatalogUnavailable("branch row " + branch + " has gone"));
    }
  }

  @Override
  public void removeBranch(long branch) throws RouteException {
    pool.write("delete from branch where id = $1", branch);
  }

  @Override
  public void removeBranch(CloneId clone) throws RouteException {
    pool.write("delete from branch where clone = $1", clone.value());
  }

  @Override
  public BaselineRow switchBaseline(BaselineName baseline, SnapshotId snapshot)
      throws RouteException {
    var rows =
        pool.write(
                "with added as (insert into snapshot (id, baseline) values ($2, $1)"
                    + " on conflict (id) do nothing)"
                    + " insert into baseline (name, snapshot) values ($1, $2)"
                    + " on conflict (name)"
                    + " do update set snapshot = excluded.snapshot, refreshed_at = now()"
                    + " returning name, snapshot, created_at, refreshed_at",
                baseline.value(),
                snapshot.value())
            .rows();
    return PgRows.baseline(rows.iterator().next());
  }

  @Override
  public List<SnapshotId> removeUnusedSnapshots() throws RouteException {
    try {
      var _ =
          pool.tryWrite(
              "with gone as (delete from snapshot s"
                  + " where not exists (select from baseline where snapshot = s.id)"
                  + " and not exists (select from branch where snapshot = s.id)"
                  + " and not exists (select from warm_clone where snapshot = s.id)"
                  + " returning id)"
                  + " insert into removed_snapshot (id) select id from gone"
                  + " on conflict do nothing");
    } catch (StatementFailed e) {
      if (!e.sqlState().equals(FOREIGN_KEY_VIOLATION)) {
        throw e.asUnavailable();
      }
      // A clone of one was made meanwhile; the next call sees that.
    }
    return goingSnapshots();
  }

  @Override
  public List<SnapshotId> goingSnapshots() throws RouteException {
    return map(
        pool.read("select id from removed_snapshot order by removed_at, id"),
        row -> new SnapshotId(row.getString("id")));
  }

  @Override
  public void forgetSnapshot(SnapshotId snapshot) throws RouteException {
    pool.write("delete from removed_snapshot where id = $1", snapshot.value());
  }

  @Override
  public Optional<TokenRow> token(TokenId id) throws RouteException {
    var loaded =
        tokens.get(
            id,
            (_, threads) ->
                CompletableFuture.supplyAsync(
                    () -> {
                      try {
                        return loadToken(id);
                      } catch (RouteException e) {
                        throw new CompletionException(e);
                      }
                    },
                    threads));
    try {
      var token = loaded.join();
      if (token.isEmpty()) {
        tokens.asMap().remove(id, loaded);
      }
      return token;
    } catch (CompletionException e) {
      if (e.getCause() instanceof RouteException failure) {
        throw failure;
      }
      throw e;
    }
  }

  @Override
  public Optional<TokenRow> tokenAtHand(TokenId id) {
    return Optional.ofNullable(tokens.synchronous().getIfPresent(id)).flatMap(row -> row);
  }

  private Optional<TokenRow> loadToken(TokenId id) throws RouteException {
    return map(
            pool.read(
                "select " + TOKEN_COLUMNS + " from token where id = $1 and not narrow", id.value()),
            PgRows::token)
        .stream()
        .findFirst();
  }

  @Override
  public boolean insertToken(TokenRow token) throws RouteException {
    var verifier = token.verifier().reveal();
    var answer =
        pool.write(
            "insert into token (id, verifier, branch, baseline, branch_name, roles, rights,"
                + " expires_at, revoked, revoked_at)"
                + " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
                + " on conflict (id) do nothing",
            token.id().value(),
            verifier,
            token.scope() instanceof TokenScope.OneBranch(var branch) ? branch : null,
            token.scope() instanceof TokenScope.OneBaseline(var name) ? name.value() : null,
            token.scope() instanceof TokenScope.OneName(var name) ? name.value() : null,
            token.roles().toArray(String[]::new),
            token.rights().stream().map(TokenRight::toString).toArray(String[]::new),
            PgRows.time(token.expiresAt()),
            token.revoked(),
            PgRows.time(token.revokedAt()));
    if (answer.rows().rowCount() == 1) {
      return true;
    }
    // Sent twice, it may have found what it made itself: no other token has this verifier.
    var own = "select from token where id = $1 and verifier = $2";
    return answer.repeated() && pool.read(own, token.id().value(), verifier).size() == 1;
  }

  @Override
  public List<TokenRow> tokens() throws RouteException {
    return map(
        pool.read("select " + TOKEN_COLUMNS + " from token order by created_at desc, id"),
        PgRows::token);
  }

  @Override
  public List<TokenRow> tokensToNarrow() throws RouteException {
    return map(
        pool.read("select " + TOKEN_COLUMNS + " from token where narrow and not revoked"),
        PgRows::token);
  }

  @Override
  public void narrowToken(TokenId id, Optional<String> role) throws RouteException {
    var _ =
        pool.write(
            "update token set narrow = false, revoked = revoked or $2::text is null,"
                + " roles = case when $2::text is null then roles else array[$2::text] end"
                + " where id = $1",
            id.value(),
            PgRows.text(role));
    tokenChanged(Optional.of(id));
  }

  @Override
  public boolean revokeToken(TokenId id) throws RouteException {
    var answer =
        pool.write("update token set revoked = true where id = $1 and not revoked", id.value());
    // The notice comes here as well, but later.
    tokenChanged(Optional.of(id));
    // Sent twice, the first may have done it.
    return answer.rows().rowCount() == 1 || answer.repeated();
  }

  @Override
  public boolean rotateToken(TokenId id, Secret verifier, Optional<Instant> expiresAt)
      throws RouteException {
    // Sent twice, it sets the same values again.
    var changed =
        pool.write(
                "update token set verifier = $2, expires_at = $3 where id = $1 and not revoked",
                id.value(),
                verifier.reveal(),
                PgRows.time(expiresAt))
            .rows()
            .rowCount();
    tokenChanged(Optional.of(id));
    return changed == 1;
  }

  @Override
  public List<TokenId> pruneTokens(Instant before, Set<TokenId> kept) throws RouteException {
    return map(
        pool.write(
                "delete from token where coalesce(revoked_at, expires_at) < $1 and id <> all ($2)"
                    + " returning id",
                before.atOffset(ZoneOffset.UTC),
                kept.stream().map(TokenId::value).toArray(String[]::new))
            .rows(),
        row -> new TokenId(row.getString("id")));
  }

  @Override
  public void onTokenChanged(Consumer<Optional<TokenId>> listener) {
    tokenListeners.add(listener);
  }

  @Override
  public void record(Event event) {
    // With its own time: it may be written later, and is then known by it.
    outbox.post(
        new Posting(
            "event kind=%s subject=%s".formatted(event.kind(), event.subject()),
            "insert into event (at, kind, subject, detail) values ($1, $2, $3, $4)",
            "insert into event (at, kind, subject, detail) select $1, $2, $3, $4"
                + " where not exists (select from event"
                + " where at = $1 and kind = $2 and subject = $3 and detail = $4)",
            List.of(
                Instant.now().truncatedTo(ChronoUnit.MICROS).atOffset(ZoneOffset.UTC),
                event.kind(),
                event.subject(),
                event.detail())));
  }

  @Override
  public void contentsChanged(CloneId clone) {
    var notify = "select pg_notify($1, $2)";
    outbox.post(
        new Posting(
            "notice clone=" + clone,
            notify,
            notify,
            List.of(CatalogNotices.CHANNEL, "contents " + clone)));
  }

  @Override
  public void onContentsChanged(Consumer<Optional<CloneId>> listener) {
    contentsListeners.add(listener);
  }

  private void tellContents(Optional<CloneId> clone) {
    contentsListeners.forEach(listener -> listener.accept(clone));
  }

  private void tokenChanged(Optional<TokenId> id) {
    id.ifPresentOrElse(tokens.synchronous()::invalidate, tokens.synchronous()::invalidateAll);
    tokenListeners.forEach(listener -> listener.accept(id));
  }

  @Override
  public void settle() throws RouteException {
    pool.settle();
  }

  @Override
  public boolean isUp() {
    return pool.isUp();
  }

  @Override
  public void close() {
    notices.close();
    outbox.close();
    pool.close();
  }
}
