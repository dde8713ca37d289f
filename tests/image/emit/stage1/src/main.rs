//! stage1 IMAGE FOLDER: unpacks a system image as first-stage loaders in Rust do.
//!
//! XzDecoder reads the first xz stream and no other; Archive::unpack, without options, leaves out owners, extended
//! attributes and the bits above 0777.

use std::{env, error::Error, fs::File, io::BufReader};

fn main() -> Result<(), Box<dyn Error>> {
    let [image, folder]: [String; 2] = env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "usage: stage1 IMAGE FOLDER")?;
    let decoder = xz2::read::XzDecoder::new(BufReader::new(File::open(image)?));
    tar::Archive::new(decoder).unpack(folder)?;
    Ok(())
}
