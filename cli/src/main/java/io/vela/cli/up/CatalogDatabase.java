package io.vela.cli.up;

import io.vela.agent.CloneException;
import io.vela.agent.postgres.ClusterSupervisor;
import io.vela.agent.postgres.DataDirectory;
import io.vela.agent.postgres.LocalCluster;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.file.FileSystemOptions;
import io.vertx.pgclient.PgConnectOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import javax.sql.DataSource;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * The database of the catalogue, as its two clients reach it.
 *
 * @param client for all but migrations
 * @param jdbc for migrations
 * @param supervisor of its server, where Vela runs it
 */
record CatalogDatabase(
    PgConnectOptions client, DataSource jdbc, Optional<ClusterSupervisor> supervisor) {
  private static final String SOCKET = ".s.PGSQL.";

  /** One that is given. */
  static CatalogDatabase at(String url) {
    var client = PgConnectOptions.fromUri(url);
    var jdbc = new PGSimpleDataSource();
    jdbc.setServerNames(new String[] {client.getHost()});
    jdbc.setPortNumbers(new int[] {client.getPort()});
    jdbc.setDatabaseName(client.getDatabase());
    jdbc.setUser(client.getUser());
    jdbc.setPassword(client.getPassword());
    jdbc.setSslMode(client.getSslMode().value);
    return new CatalogDatabase(client, jdbc, Optional.empty());
  }

  /** Vela's own, by its Unix socket, which stays the same when it is started again. */
  static CatalogDatabase of(LocalCluster cluster, ClusterSupervisor supervisor) {
    var socket = Path.of(cluster.endpoint().socket());
    var name = String.valueOf(socket.getFileName());
    var jdbc = new PGSimpleDataSource();
    jdbc.setServerNames(new String[] {"localhost"});
    jdbc.setDatabaseName(LocalCluster.SUPERUSER);
    jdbc.setUser(LocalCluster.SUPERUSER);
    jdbc.setSocketFactory("org.newsclub.net.unix.AFUNIXSocketFactory$FactoryArg");
    jdbc.setSocketFactoryArg(socket.toString());
    jdbc.setSslMode("disable");
    return new CatalogDatabase(
        new PgConnectOptions()
            .setHost(String.valueOf(socket.getParent()))
            .setPort(Integer.parseInt(name.substring(SOCKET.length())))
            .setDatabase(LocalCluster.SUPERUSER)
            .setUser(LocalCluster.SUPERUSER),
        jdbc,
        Optional.of(supervisor));
  }

  /** The major version of Vela's own cluster where there is one: it keeps the one it began with. */
  static Optional<Integer> major(Path folder) throws CloneException, IOException {
    var data = new DataDirectory(folder.resolve("data"));
    return data.isThere() ? Optional.of(data.major()) : Optional.empty();
  }

  /** A Vert.x for the client: one event loop, Unix sockets, no cache of files. */
  static Vertx vertx() {
    return Vertx.vertx(
        new VertxOptions()
            .setPreferNativeTransport(true)
            .setEventLoopPoolSize(1)
            .setWorkerPoolSize(1)
            .setInternalBlockingPoolSize(1)
            .setFileSystemOptions(
                new FileSystemOptions()
                    .setFileCachingEnabled(false)
                    .setClassPathResolvingEnabled(false)));
  }
}
