@echo off
rem Copies the files to a directory that only you can read. libvirt on Windows reads no
rem directory of the user by itself: the URI names it, with slashes.
setlocal
set "dir=%LOCALAPPDATA%\libvirt-tls"
if not "%~1"=="" set "dir=%~1"
if not exist "%dir%" mkdir "%dir%" || exit /b 1
icacls "%dir%" /inheritance:r /grant:r "%USERNAME%:(OI)(CI)F" >nul || exit /b 1
copy /y "%~dp0*.pem" "%dir%" >nul || exit /b 1
echo Installed. Connect with:
echo   virsh -c "qemu+tls://HOST/system?pkipath=%dir:\=/%"
