package io.vela.cli.client;

import io.vela.config.value.HostPort;
import io.vela.config.value.Secret;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;

/**
 * {@code client.json} in the data directory: how the verbs reach the server that {@code vela up}
 * runs. Only its owner may read it, since whoever has the token may do everything.
 *
 * @param http where REST answers, as {@code http://host:port}
 * @param listen where Postgres clients connect
 * @param token a system token in bearer form
 */
public record ClientFile(String http, HostPort listen, Secret token) {
  private static final String NAME = "client.json";

  /**
   * Reads it; empty when it is not there.
   *
   * @throws IOException also when it is not of the right form
   */
  public static Optional<ClientFile> read(Path data) throws IOException {
    var file = data.resolve(NAME);
    try {
      var json = new JsonObject(Files.readString(file));
      return Optional.of(
          new ClientFile(
              text(json, "http"),
              HostPort.parse(text(json, "listen")),
              new Secret(text(json, "token"))));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (DecodeException | ClassCastException | IllegalArgumentException e) {
      throw new IOException(file + " is damaged; \"vela up\" writes it anew", e);
    }
  }

  /** Writes it, complete or not at all. */
  public void write(Path data) throws IOException {
    var text =
        new JsonObject()
            .put("http", http)
            .put("listen", listen.toString())
            .put("token", token.reveal())
            .encodePrettily();
    var temporary =
        Files.createTempFile(
            data,
            NAME,
            ".new",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    try {
      Files.writeString(temporary, text + "\n");
      Files.move(temporary, data.resolve(NAME), StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  private static String text(JsonObject json, String name) {
    var value = json.getString(name);
    if (value == null) {
      throw new IllegalArgumentException(name + " is missing");
    }
    return value;
  }
}
