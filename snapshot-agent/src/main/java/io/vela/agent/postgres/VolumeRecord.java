package io.vela.agent.postgres;

import io.vela.agent.Contents;
import io.vela.agent.Contents.Database;
import io.vela.agent.Role;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.file.UntrustedFolder;
import io.vela.config.value.Secret;
import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;

/**
 * What is kept beside the data in its volume, so that it goes where the data goes: in a Java
 * properties file that only the user that runs Postgres may read.
 *
 * @param contents what was last read from the data
 * @param preload the libraries that an instance loads
 * @param clean whether Postgres was stopped cleanly before the volume was frozen
 * @param bytes size of the data when it was frozen
 */
public record VolumeRecord(Contents contents, Preload preload, boolean clean, long bytes) {
  /** The file in the volume. */
  public static final String NAME = "vela.properties";

  /** Room for some 50,000 roles; whoever may write the volume may not fill Vela's memory. */
  private static final int MOST_BYTES = 16 * 1024 * 1024;

  /** The same with other contents. */
  public VolumeRecord with(Contents read) {
    return new VolumeRecord(read, preload, clean, bytes);
  }

  /**
   * Reads the record of a volume.
   *
   * @throws IOException also when the file is there and makes no sense
   */
  public static VolumeRecord read(Path volume) throws IOException {
    var properties = new Properties();
    var text =
        new String(new UntrustedFolder(volume).read(NAME, MOST_BYTES), StandardCharsets.UTF_8);
    try (var reader = new StringReader(text)) {
      properties.load(reader);
      var lines = new Lines(properties);
      return new VolumeRecord(
          new Contents(
              Integer.parseInt(lines.get("major")),
              lines.get("superuser"),
              roles(lines),
              databases(lines)),
          new Preload(
              lines.list("preload.shared"),
              lines.list("preload.session"),
              lines.list("preload.local"),
              lines.list("preload.dropped")),
          Boolean.parseBoolean(lines.get("clean")),
          Long.parseLong(lines.get("bytes")));
    } catch (RuntimeException e) {
      throw new IOException(volume.resolve(NAME) + " is damaged: " + e.getMessage(), e);
    }
  }

  /** Writes the record of a volume, whole or not at all, and to disk. */
  public void write(Path volume, ServiceUser user) throws IOException {
    var lines = new Lines(new Properties());
    lines.put("major", contents.major());
    lines.put("superuser", contents.superuser());
    for (int i = 0; i < contents.roles().size(); i++) {
      put(lines, "role." + i, contents.roles().get(i));
    }
    for (int i = 0; i < contents.databases().size(); i++) {
      lines.put("database." + i + ".name", contents.databases().get(i).name());
      lines.put("database." + i + ".owner", contents.databases().get(i).owner());
    }
    lines.list("preload.shared", preload.shared());
    lines.list("preload.session", preload.session());
    lines.list("preload.local", preload.local());
    lines.list("preload.dropped", preload.dropped());
    lines.put("clean", clean);
    lines.put("bytes", bytes);
    var text = new StringWriter();
    lines.properties().store(text, null);
    var bytes = text.toString().getBytes(StandardCharsets.UTF_8);
    if (bytes.length > MOST_BYTES) {
      throw new IOException("the branch has more roles and databases than can be kept");
    }
    new UntrustedFolder(volume).write(NAME, bytes, user.owner());
  }

  private static void put(Lines lines, String key, Role role) {
    lines.put(key + ".name", role.name());
    role.password().ifPresent(secret -> lines.put(key + ".password", secret.reveal()));
    lines.put(key + ".login", role.canLogin());
    lines.put(key + ".superuser", role.superuser());
    lines.put(key + ".limit", role.connectionLimit());
    role.validUntil().ifPresent(until -> lines.put(key + ".until", until));
  }

  private static List<Role> roles(Lines lines) {
    var roles = new ArrayList<Role>();
    for (var key = "role.0"; lines.has(key + ".name"); key = "role." + roles.size()) {
      roles.add(
          new Role(
              lines.get(key + ".name"),
              lines.find(key + ".password").map(Secret::new),
              Boolean.parseBoolean(lines.get(key + ".login")),
              Boolean.parseBoolean(lines.get(key + ".superuser")),
              Integer.parseInt(lines.get(key + ".limit")),
              lines.find(key + ".until").map(Instant::parse)));
    }
    return roles;
  }

  private static List<Database> databases(Lines lines) {
    var databases = new ArrayList<Database>();
    for (var key = "database.0"; lines.has(key + ".name"); key = "database." + databases.size()) {
      databases.add(new Database(lines.get(key + ".name"), lines.get(key + ".owner")));
    }
    return databases;
  }

  private record Lines(Properties properties) {
    boolean has(String key) {
      return properties.containsKey(key);
    }

    Optional<String> find(String key) {
      return Optional.ofNullable(properties.getProperty(key));
    }

    String get(String key) {
      return find(key).orElseThrow(() -> new IllegalArgumentException(key + " is missing"));
    }

    void put(String key, Object value) {
      properties.setProperty(key, String.valueOf(value));
    }

    List<String> list(String key) {
      var values = new ArrayList<String>();
      while (has(key + "." + values.size())) {
        values.add(get(key + "." + values.size()));
      }
      return values;
    }

    void list(String key, List<String> values) {
      for (int i = 0; i < values.size(); i++) {
        put(key + "." + i, values.get(i));
      }
    }
  }
}
