//! Enumerations whose values have one spelling, the same in JSON, in query strings and in text.

/// An enumeration with a spelling for each of its values.
pub trait Spelled: Copy + PartialEq + 'static {
    /// Every value. The first one applies if a parameter of this type is absent.
    const EVERY: &'static [Self];

    /// The value as the API spells it.
    fn spelling(self) -> &'static str;

    /// The value of a spelling.
    fn from_spelling(text: &str) -> Option<Self> {
        Self::EVERY.iter().copied().find(|value| value.spelling() == text)
    }
}

/// Declares an enumeration together with its spellings.
macro_rules! spelled {
    ($(#[$about:meta])* pub enum $name:ident { $($(#[$meaning:meta])* $value:ident = $text:tt,)+ }) => {
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
            serde::Serialize, serde::Deserialize, utoipa::ToSchema,
        )]
        pub enum $name { $($(#[$meaning])* #[serde(rename = $text)] $value,)+ }

        impl $name {
            /// Every value, in the order of the declaration.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$value),+];

            /// The value as the API spells it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text,)+ }
            }
        }

        impl $crate::spelled::Spelled for $name {
            const EVERY: &'static [Self] = &Self::ALL;

            fn spelling(self) -> &'static str {
                self.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use spelled;
