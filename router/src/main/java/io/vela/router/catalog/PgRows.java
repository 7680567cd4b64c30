package io.vela.router.catalog;

import io.vela.agent.CloneId;
import io.vela.agent.SnapshotId;
import io.vela.config.MaxBytes;
import io.vela.config.ParkPolicy.OnIdle;
import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.Router.BranchSettings;
import io.vela.router.route.TokenId;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/** Rows of the catalogue as values. */
final class PgRows {
  private PgRows() {}

  static <T> List<T> map(RowSet<Row> rows, Function<Row, T> each) {
    return StreamSupport.stream(rows.spliterator(), false).map(each).toList();
  }

  static BaselineRow baseline(Row row) {
    return new BaselineRow(
        new BaselineName(row.getString("name")),
        new SnapshotId(row.getString("snapshot")),
        row.getOffsetDateTime("created_at").toInstant(),
        row.getOffsetDateTime("refreshed_at").toInstant());
  }

  static SnapshotRow snapshot(Row row) {
    return new SnapshotRow(
        new SnapshotId(row.getString("id")),
        new BaselineName(row.getString("baseline")),
        row.getOffsetDateTime("created_at").toInstant());
  }

  static BranchRow branch(Row row) {
    return new BranchRow(
        row.getLong("id"),
        new BranchName(row.getString("name")),
        new CloneId(row.getString("clone")),
        new SnapshotId(row.getString("snapshot")),
        new BaselineName(row.getString("baseline")),
        BranchRow.Phase.valueOf(row.getString("phase").toUpperCase(Locale.ROOT)),
        new BranchSettings(
            Optional.ofNullable(row.getLong("suspend_after_ms")).map(Duration::ofMillis),
            Optional.ofNullable(row.getString("on_idle")).map(OnIdle::parse),
            Optional.ofNullable(row.getLong("park_after_ms")).map(Duration::ofMillis),
            Optional.ofNullable(row.getString("max_bytes")).map(MaxBytes::parse)),
        row.getOffsetDateTime("created_at").toInstant());
  }

  static TokenRow token(Row row) {
    return new TokenRow(
        new TokenId(row.getString("id")),
        new Secret(row.getString("verifier")),
        scope(row),
        List.of(row.getArrayOfStrings("roles")),
        Stream.of(row.getArrayOfStrings("rights"))
            .map(TokenRight::parse)
            .collect(Collectors.toSet()),
        instant(row, "expires_at"),
        row.getBoolean("revoked") ? instant(row, "revoked_at") : Optional.empty(),
        row.getOffsetDateTime("created_at").toInstant());
  }

  private static Optional<Instant> instant(Row row, String column) {
    return Optional.ofNullable(row.getOffsetDateTime(column)).map(OffsetDateTime::toInstant);
  }

  private static TokenScope scope(Row row) {
    var branch = row.getLong("branch");
    var baseline = row.getString("baseline");
    if (branch != null) {
      return new TokenScope.OneBranch(branch);
    }
    var name = row.getString("branch_name");
    if (name != null) {
      return new TokenScope.OneName(new BranchName(name));
    }
    return baseline == null
        ? new TokenScope.TheSystem()
        : new TokenScope.OneBaseline(new BaselineName(baseline));
  }

  static @Nullable Long millis(Optional<Duration> time) {
    return time.map(Duration::toMillis).orElse(null);
  }

  static @Nullable OffsetDateTime time(Optional<Instant> time) {
    return time.map(at -> at.atOffset(ZoneOffset.UTC)).orElse(null);
  }

  static @Nullable String text(Optional<?> value) {
    return value.map(Object::toString).orElse(null);
  }

  static String name(BranchRow.Phase phase) {
    return phase.name().toLowerCase(Locale.ROOT);
  }
}
