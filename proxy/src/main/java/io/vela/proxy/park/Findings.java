package io.vela.proxy.park;

import io.vela.config.ParkPolicy.UnseenSettings;
import io.vela.proxy.park.Captured.Vetoed;
import io.vela.proxy.wire.DataRow;
import io.vela.proxy.wire.SqlScan;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** What the answers to all {@link Question}s come to. */
final class Findings {
  private final Reply answers;
  private final SeenState seen;
  private final Facts facts;
  private final List<PreparedStatement> statements = new ArrayList<>();
  private final List<PreparedStatement> stale = new ArrayList<>();

  Findings(Reply answers, SeenState seen) {
    this.answers = answers;
    this.seen = seen;
    facts = Facts.of(rows(Question.FACTS).getFirst());
    for (var row : rows(Question.PREPARED_STATEMENTS)) {
      var statement = PreparedStatement.of(row);
      original(statement).ifPresentOrElse(stale::add, () -> statements.add(statement));
    }
  }

  /** What a {@link Decoy} stands for. */
  private Optional<PreparedStatement> original(PreparedStatement found) {
    for (int i = 0; i < seen.stale().size(); i++) {
      var original = seen.stale().get(i).original();
      if (original.isPresent()
          && original.get().name().equals(found.name())
          && Decoy.sql(i, original.get().returnsRows()).equals(found.sql())) {
        return original;
      }
    }
    return Optional.empty();
  }

  private List<DataRow> rows(Question question) {
    return answers.rows(Question.ALL.indexOf(question));
  }

  Facts facts() {
    return facts;
  }

  /** Those that are on the backend, and not stale. */
  List<PreparedStatement> statements() {
    return statements;
  }

  /** The first thing that forbids parking, if any. */
  Optional<Vetoed> veto(UnseenSettings policy) {
    for (var row : rows(Question.VETOES)) {
      return Optional.of(new Vetoed(VetoReason.ofLabel(row.text(0)), row.text(1)));
    }
    for (var function : seen.functions()) {
      return Optional.of(
          new Vetoed(
              function.startsWith("dblink") ? VetoReason.DBLINK : VetoReason.BACKUP, function));
    }
    for (var statement : statements) {
      if (statement.bySql()
          && !SqlScan.onlyStatement(statement.sql(), facts.standardStrings())
              .equals(Optional.of("PREPARE"))) {
        return Optional.of(new Vetoed(VetoReason.SQL_PREPARE, statement.name()));
      }
    }
    return unseen(policy).map(what -> new Vetoed(VetoReason.UNSEEN_SETTINGS, what));
  }

  private Optional<String> unseen(UnseenSettings policy) {
    boolean matters =
        switch (policy) {
          case VETO -> true;
          case VETO_WITH_RLS -> facts.rowSecurity();
          case PARK -> false;
        };
    if (!matters) {
      return Optional.empty();
    }
    return seen.unseenSettings()
        ? Optional.of("set_config in a statement")
        : rows(Question.UNSEEN_SETTINGS).stream().findFirst().map(row -> row.text(0));
  }

  SessionMemory memory(List<PreparedStatement> prepared) {
    var memory = new SessionMemory.Builder();
    for (var row : rows(Question.SETTINGS)) {
      var kind = row.text(2).equals("true") ? memory.settings : memory.inherited;
      kind.put(row.text(0), row.text(1));
    }
    limits(memory);
    for (var row : rows(Question.CUSTOM_SETTINGS)) {
      if (!memory.settings.containsKey(row.text(0))) {
        memory.inherited.put(row.text(0), row.text(1));
      }
    }
    memory.parameters.putAll(map(rows(Question.PARAMETERS)));
    rows(Question.CHANNELS).forEach(row -> memory.channels.add(row.text(0)));
    memory.loads.addAll(seen.loads());
    var identity = rows(Question.IDENTITY).getFirst();
    memory.role = identity.text(0);
    memory.sessionAuthorization = identity.text(1);
    memory.statements.addAll(prepared);
    memory.statements.addAll(stale);
    memory.unnamedStatement = seen.unnamedStatement();
    memory.idleSessionTimeoutMillis = facts.idleSessionTimeoutMillis();
    return memory.build();
  }

  /** Those in force were overridden before the settings were read. */
  private void limits(SessionMemory.Builder memory) {
    var atStart = map(rows(Question.LIMITS_AT_START));
    map(rows(Question.LIMITS))
        .forEach(
            (name, value) -> {
              memory.inherited.remove(name);
              boolean made =
                  !Long.toString(Facts.millis(value)).equals(atStart.getOrDefault(name, ""));
              memory.settings.remove(name);
              (made ? memory.settings : memory.inherited).put(name, value);
            });
  }

  private static Map<String, String> map(List<DataRow> rows) {
    return rows.stream()
        .collect(
            Collectors.toMap(
                row -> row.text(0), row -> row.text(1), (_, last) -> last, LinkedHashMap::new));
  }

  /** What is to be asked because of what was found, each answering with what vetoes or nothing. */
  List<Probe> probes() {
    var probes = new ArrayList<Probe>();
    if (facts.mayAskReplicationOrigin()) {
      probes.add(
          new Probe(
              VetoReason.REPLICATION_ORIGIN,
              """
              SELECT 'set up' WHERE pg_catalog.pg_replication_origin_session_is_setup()\
              """));
    }
    facts
        .dblink()
        .ifPresent(
            schema ->
                probes.add(
                    new Probe(
                        VetoReason.DBLINK,
                        "SELECT c FROM pg_catalog.unnest("
                            + schema
                            + ".dblink_get_connections()) c"
                            + " LIMIT 1")));
    facts
        .postgresFdw()
        .ifPresent(
            schema ->
                probes.add(
                    new Probe(
                        VetoReason.POSTGRES_FDW,
                        "SELECT server_name FROM "
                            + schema
                            + ".postgres_fdw_get_connections() LIMIT 1")));
    return probes;
  }

  /**
   * A question whose every row vetoes, and which vetoes too when it fails.
   *
   * @param sql one column
   */
  record Probe(VetoReason reason, String sql) {}
}
