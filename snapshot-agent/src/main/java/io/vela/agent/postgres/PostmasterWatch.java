package io.vela.agent.postgres;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.agent.file.UnsafeFileException;
import io.vela.agent.file.UntrustedFolder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Looks whether a postmaster that is on its way up is ready. It is looked every millisecond while
 * Postgres needs the processors, so the file, which a postmaster writes in place (Postgres source,
 * {@code miscinit.c}, {@code AddToDataDirLockFile}), is opened and checked once. One thread.
 */
final class PostmasterWatch implements AutoCloseable {
  private final Path data;
  private final ByteBuffer buffer = ByteBuffer.allocate(PostmasterFile.MOST_BYTES);
  private Optional<FileChannel> file = Optional.empty();

  PostmasterWatch(Path data) {
    this.data = data;
  }

  boolean isReady() throws IOException {
    if (file.isEmpty()) {
      file = open();
    }
    return file.isPresent()
        && PostmasterFile.parse(content(file.get())).filter(PostmasterFile::isReady).isPresent();
  }

  private Optional<FileChannel> open() throws IOException {
    if (!Files.exists(data.resolve(PostmasterFile.NAME), LinkOption.NOFOLLOW_LINKS)) {
      return Optional.empty();
    }
    try {
      return Optional.of(new UntrustedFolder(data).open(PostmasterFile.NAME));
    } catch (NoSuchFileException | UnsafeFileException e) {
      return Optional.empty();
    }
  }

  private String content(FileChannel channel) throws IOException {
    buffer.clear();
    channel.read(buffer, 0);
    return new String(buffer.array(), 0, buffer.position(), UTF_8);
  }

  @Override
  public void close() throws IOException {
    if (file.isPresent()) {
      file.get().close();
    }
  }
}
