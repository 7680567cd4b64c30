package io.vela.proxy;

import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import io.vela.config.TlsConfig;
import io.vela.config.TlsConfig.ClientCertificates;
import io.vela.config.TlsConfig.Mode;
import io.vela.config.TlsConfig.PemFiles;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyStore;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** A certificate authority with a server and a client, in files below a folder. */
final class TestCertificates {
  private final X509Bundle authority;
  private final X509Bundle client;
  final Path root;
  final Path certificate;
  final Path key;
  final Path clientCertificate;
  final Path clientKey;

  TestCertificates(Path folder) throws Exception {
    authority =
        new CertificateBuilder()
            .ecp256()
            .subject("CN=Test Authority")
            .setIsCertificateAuthority(true)
            .buildSelfSigned();
    client =
        new CertificateBuilder()
            .ecp256()
            .subject("CN=app")
            .addExtendedKeyUsageClientAuth()
            .buildIssuedBy(authority);
    root = folder.resolve("root.crt");
    certificate = folder.resolve("server.crt");
    key = folder.resolve("server.key");
    clientCertificate = folder.resolve("client.crt");
    clientKey = folder.resolve("client.key");
    Files.writeString(root, authority.getCertificatePEM());
    Files.writeString(clientCertificate, client.getCertificatePathPEM());
    Files.writeString(clientKey, client.getPrivateKeyPEM());
    Files.setPosixFilePermissions(clientKey, PosixFilePermissions.fromString("rw-------"));
    issueServer("CN=first");
  }

  /** Makes the server's files anew. */
  void issueServer(String subject) throws Exception {
    var server = server(subject);
    Files.writeString(certificate, server.getCertificatePathPEM());
    Files.writeString(key, server.getPrivateKeyPEM());
  }

  X509Bundle server(String subject) throws Exception {
    return new CertificateBuilder()
        .rsa2048()
        .subject(subject)
        .addSanDnsName("localhost")
        .addSanDnsName("pr-1.db.example.com")
        .addSanIpAddress("127.0.0.1")
        .addExtendedKeyUsageServerAuth()
        .buildIssuedBy(authority);
  }

  TlsConfig config(Mode mode, TlsConfig.Provider provider) {
    return config(mode, provider, TlsConfig.Version.TLS_1_2, ClientCertificates.NONE);
  }

  TlsConfig config(
      Mode mode, TlsConfig.Provider provider, TlsConfig.Version min, ClientCertificates clients) {
    return new TlsConfig(
        mode,
        Optional.of(new PemFiles(certificate, key, Optional.empty())),
        Optional.of(root),
        clients,
        min,
        provider);
  }

  /** A client's side of TLS that trusts the authority. */
  SSLContext client(boolean withCertificate) throws Exception {
    var trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry("root", authority.getCertificate());
    var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    if (withCertificate) {
      keys.init(client.toKeyStore(new char[0]), new char[0]);
    } else {
      keys.init(null, null);
    }
    var context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  /** Brings TLS over a socket, whose handshake is still to be begun. */
  SSLSocket over(Socket socket, String serverName, String... protocols) throws Exception {
    var tls =
        (SSLSocket)
            client(false)
                .getSocketFactory()
                .createSocket(socket, serverName, socket.getPort(), true);
    var parameters = tls.getSSLParameters();
    parameters.setServerNames(List.of(new SNIHostName(serverName)));
    parameters.setApplicationProtocols(protocols);
    tls.setSSLParameters(parameters);
    tls.setSoTimeout(30_000);
    return tls;
  }
}
