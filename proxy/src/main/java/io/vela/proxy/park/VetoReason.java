package io.vela.proxy.park;

import java.util.Arrays;

/** Why a session's state cannot be taken to another backend. */
public enum VetoReason {
  /** Tables, sequences, functions, types, ... in its temporary schema. */
  TEMPORARY_OBJECT("temporary-object", "temporary object"),
  /** A cursor WITH HOLD. */
  HELD_CURSOR("held-cursor", "cursor WITH HOLD"),
  /** An advisory lock of session level. */
  ADVISORY_LOCK("advisory-lock", "advisory lock"),
  /** {@code lastval()} and {@code currval()} have values. */
  SEQUENCE_VALUE("sequence-value", "value for lastval()"),
  /** A statement prepared by SQL whose own text is not known. */
  SQL_PREPARE("sql-prepare", "statement prepared by SQL among others"),
  /** A setting that its own login role may not make. */
  SETTING("setting", "setting that cannot be made again"),
  /** Functions may have made custom settings that nobody can list. */
  UNSEEN_SETTINGS("unseen-settings", "function that makes settings"),
  /** A connection of dblink. */
  DBLINK("dblink", "dblink connection"),
  /** A connection of postgres_fdw. */
  POSTGRES_FDW("postgres-fdw", "postgres_fdw connection"),
  /** A language whose functions keep values in the session. */
  LANGUAGE_GLOBALS("language-globals", "procedural language with session data"),
  /** The session replays another's changes. */
  REPLICATION_ORIGIN("replication-origin", "replication origin"),
  /** A replication slot that ends with its session. */
  TEMPORARY_SLOT("temporary-slot", "temporary replication slot"),
  /** A base backup that ends with its session. */
  BACKUP("backup", "base backup");

  private final String label;
  private final String text;

  VetoReason(String label, String text) {
    this.label = label;
    this.text = text;
  }

  static VetoReason ofLabel(String label) {
    return Arrays.stream(values())
        .filter(reason -> reason.label.equals(label))
        .findFirst()
        .orElseThrow();
  }

  /** For metrics. */
  public String label() {
    return label;
  }

  /** For people, to stand before the name of what was found. */
  public String text() {
    return text;
  }
}
