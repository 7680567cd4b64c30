package io.vela.router.catalog;

import static io.vela.router.catalog.PgRows.map;

import io.vela.agent.CloneId;
import io.vela.agent.SnapshotId;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router.BranchSettings;
import io.vela.router.catalog.CatalogPool.StatementFailed;
import java.util.List;
import java.util.Optional;

/** Warm clones in the catalogue's Postgres; each change is one statement. */
final class PgWarmRows implements WarmRows {
  private final CatalogPool pool;

  PgWarmRows(CatalogPool pool) {
    this.pool = pool;
  }

  @Override
  public List<CloneId> all() throws RouteException {
    return map(
        pool.read("select clone from warm_clone order by created_at, clone"),
        row -> new CloneId(row.getString("clone")));
  }

  @Override
  public SnapshotId insert(CloneId clone, BaselineName baseline) throws RouteException {
    return map(
            pool.write(
                    "insert into warm_clone (clone, snapshot, baseline)"
                        + " select $1, snapshot, name from baseline where name = $2"
                        + " on conflict (clone) do update"
                        + " set snapshot = excluded.snapshot"
                        + " returning snapshot",
                    clone.value(),
                    baseline.value())
                .rows(),
            row -> new SnapshotId(row.getString("snapshot")))
        .stream()
        .findFirst()
        .orElseThrow(() -> new RouteException(new RouteFailure.NoSuchBaseline(baseline.value())));
  }

  @Override
  public Optional<BranchRow> handOut(CloneId clone, BranchName name, BranchSettings settings)
      throws RouteException {
    try {
      // Sent twice it finds what it made itself.
      return map(
              pool.tryWrite(
                      "with taken as (delete from warm_clone where clone = $1 returning *), made as"
                          + " (insert into branch (name, clone, snapshot, baseline, phase,"
                          + " suspend_after_ms, on_idle, park_after_ms, max_bytes) select $2,"
                          + " clone, snapshot, baseline, 'ready', $3, $4, $5, $6 from taken"
                          + " returning "
                          + PgCatalog.BRANCH_COLUMNS
                          + ") select "
                          + PgCatalog.BRANCH_COLUMNS
                          + " from made union all select "
                          + PgCatalog.BRANCH_COLUMNS
                          + " from branch where clone = $1 and name = $2",
                      clone.value(),
                      name.value(),
                      PgRows.millis(settings.suspendAfter()),
                      PgRows.text(settings.onIdle()),
                      PgRows.millis(settings.parkAfter()),
                      PgRows.text(settings.maxBytes()))
                  .rows(),
              PgRows::branch)
          .stream()
          .findFirst();
    } catch (StatementFailed e) {
      if (e.sqlState().equals(PgCatalog.UNIQUE_VIOLATION)) {
        throw new RouteException(new RouteFailure.AlreadyExists("branch", name.value()), e);
      }
      throw e.asUnavailable();
    }
  }

  @Override
  public void takeBack(CloneId clone) throws RouteException {
    pool.write(
        "with undone as (delete from branch where clone = $1 returning *)"
            + " insert into warm_clone (clone, snapshot, baseline)"
            + " select clone, snapshot, baseline from undone",
        clone.value());
  }

  @Override
  public void remove(CloneId clone) throws RouteException {
    pool.write("delete from warm_clone where clone = $1", clone.value());
  }
}
