# ruff: noqa: E501, W291 - dpkg wrote these lines
"""What dpkg 1.22.22 answered to scripts of packages that it installed in a chroot."""

PREINST = r"""
== dpkg -s new
Package: new
Status: install reinstreq half-installed
Architecture: all
Version: 5
status 0
== dpkg-query -W -f ${Package}|${Version}|${Status}|${db:Status-Abbrev}|${Conffiles}|${Architecture}|${binary:Package}|${source:Package}|${source:Version}|
 new old
new|5|install reinstreq half-installed|iHR||all|new|new|5|
old|1:2.0-3|install ok triggers-pending|it | /etc/old.conf 2cd6ee2c70b0bde53fbe6cac3c8b8bb1|amd64|old:amd64|oldsrc|2.0|
status 0
== dpkg -L new
Package 'new' does not contain any files (!)
status 0
== dpkg -s old
Package: old
Status: install ok triggers-pending
Priority: optional
Section: misc
Installed-Size: 12
Maintainer: x <x@example.org>
Architecture: amd64
Multi-Arch: same
Source: oldsrc (2.0)
Version: 1:2.0-3
Depends: nothing | dash
Conffiles:
 /etc/old.conf 2cd6ee2c70b0bde53fbe6cac3c8b8bb1
Description: an old one
 long text
 .
 more
Triggers-Pending: old-trig
X-Own: yes
status 0
== dpkg -l
Desired=Unknown/Install/Remove/Purge/Hold
| Status=Not/Inst/Conf-files/Unpacked/halF-conf/Half-inst/trig-aWait/Trig-pend
|/ Err?=(none)/Reinst-required (Status,Err: uppercase=bad)
||/ Name           Version      Architecture Description
+++-==============-============-============-=================================
iHR new            5            all          (no description available)
it  old:amd64      1:2.0-3      amd64        an old one
status 0
== dpkg-query -W
new	5
old:amd64	1:2.0-3
status 0
== dpkg --get-selections
new						install
old:amd64					install
status 0
== dpkg -S /etc/new.conf
dpkg-query: no path found matching pattern /etc/new.conf
status 1
== dpkg -S /etc/old.conf
old:amd64: /etc/old.conf
status 0
== dpkg -L old
/.
/etc
/etc/old.conf
/usr
/usr/share
/usr/share/old
/usr/share/old/f
status 0
== dpkg-query --control-path old postinst
/var/lib/dpkg/info/old:amd64.postinst
status 0
== dpkg-query --control-path new postinst
status 0
== dpkg-query --control-path old
/var/lib/dpkg/info/old:amd64.md5sums
/var/lib/dpkg/info/old:amd64.postinst
/var/lib/dpkg/info/old:amd64.triggers
status 0
== dpkg-query --control-list old
md5sums
postinst
triggers
status 0
== dpkg-query -c old md5sums
/var/lib/dpkg/info/old:amd64.md5sums
status 0
== dpkg-query -W old:amd64 o* none
dpkg-query: no packages found matching none
old:amd64	1:2.0-3
status 1
== dpkg-query -W -f ${Package;10}|${Package;-10}|${Nope}|${X-Own}|${Description}|${binary:Summary}|${db-fsys:Files}|${Depends}|${Section}
 old
       old|old       ||yes|an old one
 long text
 .
 more|an old one| /.
 /etc
 /etc/old.conf
 /usr
 /usr/share
 /usr/share/old
 /usr/share/old/f
|nothing | dash|misc
status 0
== dpkg -s none
dpkg-query: package 'none' is not installed and no information is available
Use dpkg --info (= dpkg-deb --info) to examine archive files.
status 1
== dpkg -L none
dpkg-query: package 'none' is not installed
Use dpkg --contents (= dpkg-deb --contents) to list archive files contents.
status 1
== dpkg-query -L none old
dpkg-query: package 'none' is not installed

/.
/etc
/etc/old.conf
/usr
/usr/share
/usr/share/old
/usr/share/old/f
Use dpkg --contents (= dpkg-deb --contents) to list archive files contents.
status 1
== dpkg-query -c none postinst
dpkg-query: error: package 'none' is not installed
status 2
== dpkg-query -W -f ${Package old
dpkg-query: error in show format: missing closing brace
status 2
== dpkg-query -W -f 
dpkg-query: error in show format: may not be empty string
status 2
== dpkg-query -W bad_Name!
dpkg-query: no packages found matching bad_Name!
status 1
== dpkg -s bad Name!
dpkg-query: error: --status needs a valid package name but 'bad Name!' is not: illegal package name in specifier 'bad Name!': character ' ' not allowed (only letters, digits and characters '-+._')

Use --help for help about querying packages.
status 2
== dpkg -S *.conf nothing
old:amd64: /etc/old.conf
dpkg-query: no path found matching pattern *nothing*
status 1
== dpkg -S old.conf /usr/share/old/ /usr/share
old:amd64: /etc/old.conf
old:amd64: /usr/share/old
old:amd64: /usr/share
status 0
== dpkg-query -s
Package: new
Status: install reinstreq half-installed
Architecture: all
Version: 5

Package: old
Status: install ok triggers-pending
Priority: optional
Section: misc
Installed-Size: 12
Maintainer: x <x@example.org>
Architecture: amd64
Multi-Arch: same
Source: oldsrc (2.0)
Version: 1:2.0-3
Depends: nothing | dash
Conffiles:
 /etc/old.conf 2cd6ee2c70b0bde53fbe6cac3c8b8bb1
Description: an old one
 long text
 .
 more
Triggers-Pending: old-trig
X-Own: yes

status 0
== dpkg-query -L
dpkg-query: error: --listfiles needs at least one package name argument

Use --help for help about querying packages.
status 2
== dpkg -l none
dpkg-query: no packages found matching none
status 1
== dpkg -l o*
Desired=Unknown/Install/Remove/Purge/Hold
| Status=Not/Inst/Conf-files/Unpacked/halF-conf/Half-inst/trig-aWait/Trig-pend
|/ Err?=(none)/Reinst-required (Status,Err: uppercase=bad)
||/ Name           Version      Architecture Description
+++-==============-============-============-=================================
it  old:amd64      1:2.0-3      amd64        an old one
status 0
== dpkg-query -W -f ${Package} ${Status} ${Triggers-Pending}|${Triggers-Awaited}

new install reinstreq half-installed | old:amd64
old install ok triggers-pending  old-trig|
status 0
"""
POSTINST = r"""
== dpkg -s new
Package: new
Status: install ok half-configured
Maintainer: x <x@example.org>
Architecture: all
Version: 5
Depends: old
Conffiles:
 /etc/new.conf 2cd6ee2c70b0bde53fbe6cac3c8b8bb1
Description: new one
Triggers-Awaited: old:amd64
status 0
== dpkg-query -W -f ${Package}|${Version}|${Status}|${db:Status-Abbrev}|${Conffiles}|${Architecture}|${binary:Package}|${source:Package}|${source:Version}|
 new old
new|5|install ok half-configured|iF | /etc/new.conf 2cd6ee2c70b0bde53fbe6cac3c8b8bb1|all|new|new|5|
old|1:2.0-3|install ok triggers-pending|it | /etc/old.conf 2cd6ee2c70b0bde53fbe6cac3c8b8bb1|amd64|old:amd64|oldsrc|2.0|
status 0
== dpkg -L new
/.
/etc
/etc/new.conf
/usr
/usr/share
/usr/share/new
/usr/share/new/f
status 0
== dpkg -s old
Package: old
Status: install ok triggers-pending
Priority: optional
Section: misc
Installed-Size: 12
Maintainer: x <x@example.org>
Architecture: amd64
Multi-Arch: same
Source: oldsrc (2.0)
Version: 1:2.0-3
Depends: nothing | dash
Conffiles:
 /etc/old.conf 2cd6ee2c70b0bde53fbe6cac3c8b8bb1
Description: an old one
 long text
 .
 more
Triggers-Pending: old-trig /usr/share/new
X-Own: yes
status 0
== dpkg -l
Desired=Unknown/Install/Remove/Purge/Hold
| Status=Not/Inst/Conf-files/Unpacked/halF-conf/Half-inst/trig-aWait/Trig-pend
|/ Err?=(none)/Reinst-required (Status,Err: uppercase=bad)
||/ Name           Version      Architecture Description
+++-==============-============-============-=================================
iF  new            5            all          new one
it  old:amd64      1:2.0-3      amd64        an old one
status 0
== dpkg -S /etc/new.conf
new: /etc/new.conf
status 0
== dpkg-query --control-path new postinst
/var/lib/dpkg/info/new.postinst
status 0
== dpkg-query -s
Package: new
Status: install ok half-configured
Maintainer: x <x@example.org>
Architecture: all
Version: 5
Depends: old
Conffiles:
 /etc/new.conf 2cd6ee2c70b0bde53fbe6cac3c8b8bb1
Description: new one
Triggers-Awaited: old:amd64

Package: old
Status: install ok triggers-pending
Priority: optional
Section: misc
Installed-Size: 12
Maintainer: x <x@example.org>
Architecture: amd64
Multi-Arch: same
Source: oldsrc (2.0)
Version: 1:2.0-3
Depends: nothing | dash
Conffiles:
 /etc/old.conf 2cd6ee2c70b0bde53fbe6cac3c8b8bb1
Description: an old one
 long text
 .
 more
Triggers-Pending: old-trig /usr/share/new
X-Own: yes

status 0
"""
